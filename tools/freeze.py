"""Resolve both requirement files afresh, write pip's choice to constraints.txt: `make freeze`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CUDA = re.compile(r"(nvidia|cuda|triton)", re.IGNORECASE)  # each machine's torch brings its own
NOT_PINNED = {"pip", "wheel", "intro-lm"}
ELSEWHERE = ("appnope",)  # needed on macOS only, so that a freeze on Linux doesn't see it
HEADER = """\
# Every package of the tested set, by name and version: a full freeze of requirements-dev.txt,
# made by 'make freeze'. CUDA packages are left out: each machine gets its own build of torch.
"""


def _name(pin: str) -> str:
    return pin.split("==")[0].lower()


def main() -> None:
    files = ("requirements.txt", "requirements-dev.txt")
    asked = [line for file in files for line in (ROOT / file).read_text("utf-8").splitlines()]
    free = [line for line in asked if line and not line.startswith(("#", "-"))]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *free, *ELSEWHERE], check=True)
        listed = subprocess.run(
            [*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True
        )
    pins = [
        line.split("+")[0]  # torch's build, such as +cpu, is the machine's choice
        for line in listed.stdout.splitlines()
        if not CUDA.match(line) and _name(line) not in NOT_PINNED
    ]
    CONSTRAINTS.write_text(HEADER + "\n".join(sorted(pins, key=_name)) + "\n", encoding="utf-8")
    print(f"{len(pins)} packages pinned in {CONSTRAINTS.name}")


if __name__ == "__main__":
    main()
