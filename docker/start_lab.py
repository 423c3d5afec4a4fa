"""What the container runs: TensorBoard over runs/ in the background, then JupyterLab.

With --check it is the container's health check: does JupyterLab answer?
"""

import argparse
import http.client
import os
import subprocess
import sys
from pathlib import Path

FIRST_NOTEBOOK = "notebooks/00_pytorch_warmup.ipynb"
INSTALLED = Path(__file__).with_name("requirements.txt")


def problems(folder: Path, installed: Path) -> list[str]:
    """What would surprise someone who works in this folder, each with its remedy.

    Args:
        folder: the folder that JupyterLab opens, usually mounted from the host.
        installed: the requirements.txt that the image was built from.
    """
    found = []
    if not (folder / FIRST_NOTEBOOK).exists():
        found.append(
            f'{folder} does not hold the curriculum: mount its folder, with -v "$PWD:{folder}"'
        )
    if not os.access(folder, os.W_OK):
        found.append(
            f"uid {os.getuid()} may not write to {folder}, so nothing can be saved: "
            'start with --user "$(id -u):$(id -g)"'
        )
    wanted = folder / "requirements.txt"
    if wanted.exists() and installed.exists() and wanted.read_text() != installed.read_text():
        found.append(
            "requirements.txt is not the one this image was built from: run docker build again"
        )
    return found


def answers(port: int) -> bool:
    """Whether JupyterLab answers on this port of this machine; no proxy is asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/api")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start(lab_port: int, tensorboard_port: int) -> None:
    """Start TensorBoard, then become JupyterLab, on all interfaces and with its token."""
    everywhere = "0.0.0.0"  # a port that is published can reach no loopback inside
    board = [sys.executable, "-m", "tensorboard.main", "--logdir=runs"]
    board += [f"--host={everywhere}", f"--port={tensorboard_port}"]
    lab = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.ip={everywhere}"]
    lab += [f"--ServerApp.port={lab_port}", "--ServerApp.port_retries=0"]
    lab += [f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}"]
    subprocess.Popen(board)
    os.execv(sys.executable, lab)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether JupyterLab answers")
    parser.add_argument("--lab-port", type=int, default=8888)
    parser.add_argument("--tensorboard-port", type=int, default=6006)
    arguments = parser.parse_args()
    if arguments.check:
        sys.exit(not answers(arguments.lab_port))
    for problem in problems(Path.cwd(), INSTALLED):
        print(problem, file=sys.stderr, flush=True)
    start(arguments.lab_port, arguments.tensorboard_port)


if __name__ == "__main__":
    main()
