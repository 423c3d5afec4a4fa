"""The server that `make lab` starts, for a user who never opened JupyterLab before."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0  # seconds for whatever is waited for, on a slow and busy machine


@contextlib.contextmanager
def lab(folder: Path, home: Path) -> Iterator[dict[str, Any]]:
    """JupyterLab over `folder`, on a free port, with settings and runtime files below `home`.

    Gives what the server says of itself: `url`, `token` and more.
    """
    homes = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    command = [*lab_command(), "--no-browser", "--port=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in containers, where root may be the only user
    home.mkdir()
    log = home / "server.log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**others, **{name: str(path) for name, path in homes.items()}},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    with ended(server):

        def description() -> str:
            assert server.poll() is None, f"JupyterLab ended by itself:\n{log.read_text()}"
            files = homes["JUPYTER_RUNTIME_DIR"].glob("jpserver-*.json")
            return "".join(file.read_text() for file in files).strip()

        # The file is there before all of it is written.
        written = wait_for(lambda: (text := description()).endswith("}") and text, "JupyterLab")
        yield json.loads(written)


def lab_command() -> list[str]:
    """What `make lab` runs, in the environment that runs this test."""
    # Under `make test`, the outer make would pass its own flags on.
    others = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "--no-print-directory", "lab"]
    made = subprocess.run(command, cwd=ROOT, env=others, capture_output=True, text=True, check=True)
    words = shlex.split(made.stdout.strip().splitlines()[-1])
    return [str(Path(sys.executable).parent / "jupyter"), *words[words.index("lab") :]]


@contextlib.contextmanager
def ended(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a server with the block, and the kernels that it would leave behind."""
    try:
        yield
    finally:
        left = []
        with contextlib.suppress(psutil.NoSuchProcess):
            left = psutil.Process(server.pid).children(recursive=True)
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(30)
        server.kill()
        server.wait()
        for process in psutil.wait_procs(left, timeout=5)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


def wait_for(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE:.0f} seconds"
        time.sleep(0.1)
    return result
