"""`python -m intro_lm doctor`: what this machine has, and what the curriculum still needs.

The top imports only the standard library, and nothing that an old Python can't read: it must run
where packages are missing, and under a system's own Python.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

OLDEST_PYTHON = (3, 11)
LEAST_DISK = 2.0  # GB free, for the cached datasets, the runs and the executed notebooks
PACKAGES = (
    "torch", "datasets", "matplotlib", "tensorboard", "jupyterlab", "nbval", "optuna", "pandas",
    "pooch", "safetensors", "scikit-learn", "tokenizers", "tqdm",
)  # fmt: skip
WHERE = "import importlib.util as u; print(getattr(u.find_spec('intro_lm'), 'origin', 'nothing'))"


class Finding(NamedTuple):
    """One line of the report; `remedy` is empty if nothing is wrong."""

    what: str
    value: str
    remedy: str = ""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The doctor has no flags."""


def run(options: argparse.Namespace) -> int:
    """Print what the machine has; 1 if anything needs a remedy."""
    findings = examine()
    print(report(findings))
    return int(any(finding.remedy for finding in findings))


def report(findings: list[Finding]) -> str:
    """The findings as a table, each problem with its remedy below it."""
    width = max(len(finding.what) for finding in findings)
    lines = []
    for what, value, remedy in findings:
        lines.append(f"{'!!' if remedy else 'ok'}  {what:<{width}}  {value}")
        if remedy:
            lines.append(f"    {'':<{width}}  -> {remedy}")
    return "\n".join(lines)


def examine() -> list[Finding]:
    """Check environment, versions, device, threads, disk and git branch."""
    versions = {package: _version(package) for package in PACKAGES}
    missing = [package for package, version in versions.items() if not version]
    folder = _folder()
    own = folder / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if missing and own.exists() and Path(sys.prefix).resolve() != (folder / ".venv").resolve():
        # Most often the terminal's own Python; the other findings about it wouldn't help.
        remedy = f"type: {os.path.relpath(own)} -m intro_lm doctor"
        return [Finding("environment", f"{sys.executable} is not the one in .venv", remedy)]
    old = sys.version_info < OLDEST_PYTHON
    remedy = "install Python 3.11 or newer, then delete .venv and set up again" if old else ""
    findings = [Finding("python", platform.python_version(), remedy)]
    findings += [Finding(package, version) for package, version in versions.items() if version]
    if missing:
        of_its_own = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
        install = f"{sys.executable} -m pip install -r requirements.txt"
        remedy = f"run: {install if of_its_own else 'make setup'}"
        findings.append(Finding("packages", "missing: " + ", ".join(missing), remedy))
    else:
        findings.append(_package(folder))
    if find_spec("torch"):
        findings += _device_and_threads()
    free = shutil.disk_usage(".").free / 1e9
    remedy = f"make {LEAST_DISK:.0f} GB free here" if free < LEAST_DISK else ""
    return [*findings, Finding("disk", f"{free:.1f} GB free", remedy), _branch()]


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _folder() -> Path:
    """The curriculum's folder: the one around the working folder, else this file's."""
    here = Path.cwd()
    around = (one for one in (here, *here.parents) if (one / "intro_lm" / "__init__.py").exists())
    return next(around, Path(__file__).parents[2])


def _package(folder: Path) -> Finding:
    """Whether notebooks import this folder's package: an environment remembers its own."""
    done = subprocess.run(
        [sys.executable, "-c", WHERE], cwd=folder / "notebooks", capture_output=True, text=True
    )
    found = Path(done.stdout.strip())
    if found.parent.resolve() == (folder / "intro_lm").resolve():
        return Finding("intro_lm", "notebooks import this folder's")
    remedy = "was the folder moved or copied after set-up? delete .venv, then set up again"
    return Finding("intro_lm", f"notebooks import {found}", remedy)


def _device_and_threads() -> list[Finding]:
    import torch

    device = "mps" if torch.backends.mps.is_available() else "cpu"
    device = f"cuda: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else device
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # on Linux: a container may use fewer cores
        cores = len(os.sched_getaffinity(0))
    remedy = f"set OMP_NUM_THREADS={cores}: too many slow training down" if threads > cores else ""
    return [
        Finding("device", f"{device} (every notebook is made to run on a CPU)"),
        Finding("threads", f"{threads} for {cores} usable cores", remedy),
    ]


def _branch() -> Finding:
    if not shutil.which("git"):
        return Finding("git", "not installed", "install git: you hand in your work on a branch")
    command = ["git", "branch", "--show-current"]
    branch = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    hint = " (start your own: git switch -c YOUR-NAME)" if branch == "main" else ""
    return Finding("git branch", branch + hint or "none (not a branch of a git checkout)")
