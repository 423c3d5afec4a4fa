"""Resolve both requirement files afresh, write pip's choice to constraints.txt: `make freeze`.

The choice is for the oldest release of Python that the package runs on, so it fits newer ones too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST_PYTHON = "3.11.0"
CUDA = re.compile(r"(nvidia|cuda|triton)", re.IGNORECASE)  # each machine's torch brings its own
ELSEWHERE = ("appnope",)  # needed on macOS only, so that a freeze on Linux doesn't see it
HEADER = """\
# Every package of the tested set, by name and version: what pip chooses for requirements-dev.txt
# on the oldest Python, written by 'make freeze'. CUDA packages are left out: each machine gets its
# own build of torch.
"""


def main() -> None:
    files = ("requirements.txt", "requirements-dev.txt")
    asked = [line for file in files for line in (ROOT / file).read_text("utf-8").splitlines()]
    free = [line for line in asked if line and not line.startswith(("#", "-"))]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--dry-run", "--ignore-installed", "--report", "-", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory() as folder:  # pip wants one for another Python's packages
        command += ["--python-version", OLDEST_PYTHON, "--target", folder, *free, *ELSEWHERE]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    chosen = [package["metadata"] for package in json.loads(done.stdout)["install"]]
    pins = [
        f"{one['name']}=={one['version'].split('+')[0]}\n"  # torch's +cpu is the machine's choice
        for one in sorted(chosen, key=lambda one: one["name"].lower())
        if not CUDA.match(one["name"])
    ]
    CONSTRAINTS.write_text(HEADER + "".join(pins), encoding="utf-8")
    print(f"{len(pins)} packages pinned in {CONSTRAINTS.name}")


if __name__ == "__main__":
    main()
