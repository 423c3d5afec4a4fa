"""The container: what its files promise one another, and its start script, which runs here too."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter, Retry
from torch.utils.tensorboard import SummaryWriter

ROOT = Path(__file__).parents[1]
START_LAB = ROOT / "docker" / "start_lab.py"
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_change_of_the_curriculum_does_not_install_the_dependencies_again():
    before = DOCKERFILE.partition("-r /opt/intro-lm/requirements.txt")[0]
    copied = " ".join(re.findall(r"^COPY (.*) \S+$", before, re.MULTILINE)).split()
    assert copied == ["requirements.txt", "constraints.txt", "pyproject.toml"]


def test_context_leaves_out_what_git_ignores():
    ignored = (ROOT / ".gitignore").read_text().split()
    left_out = (ROOT / ".dockerignore").read_text().split("\n")
    names = {line.removeprefix("**/") for line in left_out}
    assert {name.rstrip("/") for name in ignored} | {".git"} <= names


def test_devcontainer_uses_the_same_dockerfile_folder_user_and_ports():
    file = ROOT / ".devcontainer" / "devcontainer.json"
    container = json.loads(file.read_text())
    assert (file.parent / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert (file.parent / container["build"]["context"]).resolve() == ROOT
    ports = " ".join(map(str, container["forwardPorts"]))
    promised = (container["workspaceFolder"], container["remoteUser"], ports)
    for name, value in zip(("WORKDIR", "USER", "EXPOSE"), promised, strict=True):
        assert re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE) == [value]


def test_each_documented_command_opens_its_ports_to_this_machine_only():
    for page in (ROOT / "README.md", ROOT / "Dockerfile", *(ROOT / "docs").glob("*.md")):
        for port in re.findall(r"(?:-p|--publish)[ =]?(\S*\d+:\d+)", page.read_text("utf-8")):
            assert port.startswith("127.0.0.1:"), f"{page.name}: {port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def get(port: int, path: str, token: str = "") -> requests.Response:
    """The answer, waited for while nothing listens yet."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy is asked for the loopback
        session.mount(
            "http://", HTTPAdapter(max_retries=Retry(99, backoff_factor=0.1, backoff_max=0.5))
        )
        headers = {"Authorization": f"token {token}"}
        return session.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30)


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Started:
    process: subprocess.Popen[bytes]
    lab_port: int
    tensorboard_port: int
    log: Path


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """The script as tini starts it, in a process group of its own, over a folder with one run."""
    if sys.platform == "win32":
        pytest.skip("the script runs in a Linux container, and replaces its own process")
    with SummaryWriter(str(tmp_path / "runs" / "a run")) as writer:
        writer.add_scalar("loss", 1.0)
    # Jupyter refuses root, which a container's user is not, and a test's user may be.
    config = tmp_path / ".jupyter" / "jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text("c.ServerApp.allow_root = True\n")
    lab_port, tensorboard_port = free_port(), free_port()
    ports = [f"--lab-port={lab_port}", f"--tensorboard-port={tensorboard_port}"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(START_LAB), *ports],
            cwd=tmp_path,
            env=ours | {"HOME": str(tmp_path)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    yield Started(process, lab_port, tensorboard_port, tmp_path / "log")
    if process.poll() is None or listens(tensorboard_port):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_start_script_serves_lab_behind_a_token_and_tensorboard_over_the_runs(
    started: Started,
) -> None:
    check = [sys.executable, str(START_LAB), "--check", f"--lab-port={started.lab_port}"]
    assert get(started.lab_port, "/api").status_code == 200
    assert subprocess.run(check).returncode == 0
    assert get(started.lab_port, "/api/contents").status_code == 403
    log = started.log.read_text()
    said = re.search(rf"http://127\.0\.0\.1:{started.lab_port}/lab/tree/\S+\?token=(\w+)", log)
    assert said is not None, log
    assert get(started.lab_port, "/api/contents", token=said[1]).status_code == 200
    end = time.monotonic() + 60  # TensorBoard answers before it has read what is there
    while not (runs := get(started.tensorboard_port, "/data/runs").json()):
        assert time.monotonic() < end
        time.sleep(0.2)
    assert runs == ["a run"]
    # What a wrong -v gives: a folder that isn't the curriculum.
    assert "does not hold the curriculum" in log


@pytest.mark.slow
def test_sigterm_stops_both_servers(started: Started) -> None:
    get(started.lab_port, "/api")
    get(started.tensorboard_port, "/")
    os.killpg(started.process.pid, signal.SIGTERM)  # what `tini -g` does
    assert started.process.wait(timeout=60) == 0
    assert not listens(started.lab_port)
    assert not listens(started.tensorboard_port)


def test_health_check_fails_where_nothing_answers() -> None:
    check = [sys.executable, str(START_LAB), "--check", f"--lab-port={free_port()}"]
    assert subprocess.run(check).returncode == 1
