"""`python -m intro_lm doctor`: what this machine has, and what the curriculum still needs.

Only the standard library is imported at the top: it must run where packages are missing.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

OLDEST_PYTHON = (3, 11)
LEAST_DISK = 2.0  # GB free, for the cached datasets, the runs and the executed notebooks
PACKAGES = (
    "torch", "datasets", "matplotlib", "tensorboard", "jupyterlab", "nbval", "optuna", "pandas",
    "pooch", "safetensors", "scikit-learn", "tokenizers", "tqdm",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is empty if nothing is wrong."""

    what: str
    value: str
    remedy: str = ""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The doctor has no flags."""


def run(options: argparse.Namespace) -> int:
    """Print what the machine has; 1 if something needs a remedy."""
    findings = examine()
    print(report(findings))
    return 1 if any(finding.remedy for finding in findings) else 0


def examine() -> list[Finding]:
    """Look at versions, device, threads, disk and git branch."""
    return [*_versions(), *_device_and_threads(), *_disk_and_branch()]


def report(findings: list[Finding]) -> str:
    """The findings as a table, each problem with its remedy below it."""
    width = max(len(finding.what) for finding in findings)
    lines = []
    for finding in findings:
        mark = "!!" if finding.remedy else "ok"
        lines.append(f"{mark}  {finding.what:<{width}}  {finding.value}")
        if finding.remedy:
            lines.append(f"    {'':<{width}}  -> {finding.remedy}")
    return "\n".join(lines)


def _versions() -> Iterator[Finding]:
    old = sys.version_info < OLDEST_PYTHON
    remedy = "install Python 3.11 or newer, then delete .venv" if old else ""
    yield Finding("python", platform.python_version(), remedy)
    for package in PACKAGES:
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, "missing", "run: pip install -r requirements.txt")


def _device_and_threads() -> Iterator[Finding]:
    if not find_spec("torch"):
        return
    import torch

    device = "mps" if torch.backends.mps.is_available() else "cpu"
    device = f"cuda: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else device
    yield Finding("device", f"{device} (every notebook is made to run on a CPU)")
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # on Linux: a container may use fewer cores
        cores = len(os.sched_getaffinity(0))
    remedy = f"set OMP_NUM_THREADS={cores}: too many slow training down" if threads > cores else ""
    yield Finding("threads", f"{threads} for {cores} usable cores", remedy)


def _disk_and_branch() -> Iterator[Finding]:
    free = shutil.disk_usage(".").free / 1e9
    remedy = f"make {LEAST_DISK:.0f} GB free here" if free < LEAST_DISK else ""
    yield Finding("disk", f"{free:.1f} GB free", remedy)
    if not shutil.which("git"):
        yield Finding("git", "not installed", "install git: you hand in your work on a branch")
        return
    command = ["git", "branch", "--show-current"]
    branch = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    hint = " (start your own: git switch -c YOUR-NAME)" if branch == "main" else ""
    yield Finding("git branch", branch + hint or "none (not a branch of a git checkout)")
