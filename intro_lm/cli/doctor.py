"""What this machine has, and what is missing for the curriculum: `python -m intro_lm doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

# Only the standard library, and PyTorch where it is there: the doctor must also serve where
# packages are missing.
OLDEST_PYTHON = (3, 11)
LEAST_DISK = 2.0  # GB free, for the cached datasets, the runs and the executed notebooks
PACKAGES = (
    "torch", "datasets", "matplotlib", "tensorboard", "jupyterlab", "nbval", "optuna", "pandas",
    "pooch", "safetensors", "scikit-learn", "tokenizers", "tqdm",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is empty where all is well."""

    what: str
    value: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at versions, device, threads, disk and git branch."""
    findings = [_python(), *_packages()]
    if find_spec("torch"):
        findings += [_device(), _threads()]
    return [*findings, _disk(), _branch()]


def report(findings: list[Finding]) -> str:
    """The findings as a table, each problem with its remedy below it."""
    return "\n".join(_lines(findings))


def _lines(findings: list[Finding]) -> Iterator[str]:
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        yield f"{'ok' if not finding.remedy else '!!'}  {finding.what:<{width}}  {finding.value}"
        if finding.remedy:
            yield f"    {'':<{width}}  -> {finding.remedy}"


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", version, "install Python 3.11 or newer, then delete .venv")
    return Finding("python", version)


def _packages() -> Iterator[Finding]:
    for package in PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, "missing", "run: pip install -r requirements.txt")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", f"cuda: {torch.cuda.get_device_name()}")
    name = "mps" if torch.backends.mps.is_available() else "cpu"
    return Finding("device", f"{name} (every notebook is made to run on a CPU)")


def _threads() -> Finding:
    import torch

    threads, cores = torch.get_num_threads(), len(_usable_cores())
    value = f"{threads} for {cores} usable cores"
    if threads > cores:
        return Finding(
            "threads", value, f"set OMP_NUM_THREADS={cores}: too many slow training down"
        )
    return Finding("threads", value)


def _usable_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < LEAST_DISK:
        return Finding("disk", f"{free:.1f} GB free", f"make {LEAST_DISK:.0f} GB free here")
    return Finding("disk", f"{free:.0f} GB free")


def _branch() -> Finding:
    try:
        found = subprocess.run(
            ["git", "symbolic-ref", "--short", "HEAD"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return Finding("git", "not installed", "install git: you hand in your work on a branch")
    if found.returncode != 0:
        return Finding("git branch", "none (not a branch of a git checkout)")
    branch = found.stdout.strip()
    hint = " (start your own: git switch -c YOUR-NAME)" if branch == "main" else ""
    return Finding("git branch", branch + hint)
