"""Take a picture of TensorBoard over a folder of runs, in headless Chromium.

    python tools/screenshot.py runs/03_hyperparameter_sweep sweep.png --page hparams

TensorBoard's server is started on a loopback port for the picture, and ended afterwards.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
import websocket

PAGES = ("timeseries", "hparams")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--remote-debugging-port=0",
)
PATIENCE = 90.0  # seconds for a server, a browser or a page on a busy machine
SETTLED = 1.5  # a page that looks the same for so many seconds is complete: spinners turn

Call = Callable[..., dict[str, Any]]


def find_browser() -> str | None:
    """The path of a Chromium, if one is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def tensorboard(folder: str | Path) -> Iterator[str]:
    """A TensorBoard server over the runs below `folder`; gives its address once it has read them.

    Raises:
        FileNotFoundError: there is no run below `folder`.
        RuntimeError: the server ended by itself, with what it said.
        TimeoutError: the server did not come up.
    """
    runs = {path.parent for path in Path(folder).rglob("events.out.tfevents.*")}
    if not runs:
        raise FileNotFoundError(f"there are no TensorBoard runs below {folder}")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    with tempfile.NamedTemporaryFile() as log, _running(command, log) as server:

        def address() -> str | None:
            said = Path(log.name).read_text()
            if server.poll() is not None:
                raise RuntimeError(f"TensorBoard ended by itself:\n{said}")
            found = re.search(r"http://127\.0\.0\.1:\d+/", said)
            return found and found[0]

        url = _wait_for(address, "TensorBoard's server")
        _wait_for(lambda: len(_get(f"{url}data/runs")) == len(runs), "TensorBoard's runs")
        yield url


def take(
    address: str,
    picture: str | Path,
    page: str = "timeseries",
    size: tuple[int, int] = (1280, 900),
    query: str = "",
) -> str:
    """Write a PNG of a page of the server at `address`, once it shows a run and stands still.

    Args:
        picture: the file to write.
        page: `timeseries` or `hparams`.
        size: width and height in pixels.
        query: settings of the page as they stand in its address, such as `smoothing=0`.

    Returns:
        The text that the page shows, a piece a line.

    Raises:
        FileNotFoundError: no Chromium is installed.
        TimeoutError: the page did not come to show a run.
    """
    runs = _get(f"{address}data/runs")
    shown, image = "", b""
    changed = time.monotonic()
    with browser(size) as call:
        call("Page.navigate", url=f"{address}?{query}#{page}")

        def settled() -> bool:
            nonlocal shown, image, changed
            before = shown, image
            shown, image = _text(call), base64.b64decode(call("Page.captureScreenshot")["data"])
            if (shown, image) != before or not any(run in shown for run in runs):
                changed = time.monotonic()
            return time.monotonic() - changed > SETTLED

        _wait_for(settled, f"a run on the page {page}")
    Path(picture).write_bytes(image)
    return shown


@contextlib.contextmanager
def browser(size: tuple[int, int]) -> Iterator[Call]:
    """A headless Chromium with one empty page; gives a function that calls its DevTools protocol.

    `--screenshot` and `--dump-dom` would need no protocol, but the second leaves out shadow roots,
    in which TensorBoard keeps the HParams page, and neither knows when the page is complete.
    """
    binary = find_browser()
    if binary is None:
        raise FileNotFoundError(f"no Chromium is installed under the names {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [binary, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        with _running(command, subprocess.DEVNULL):
            port_file = Path(profile, "DevToolsActivePort")
            _wait_for(lambda: port_file.exists() and port_file.read_text(), "Chromium")
            port = port_file.read_text().split()[0]
            targets = _get(f"http://127.0.0.1:{port}/json/list")
            page = next(target for target in targets if target["type"] == "page")
            # Given a socket of ours, websocket-client asks no proxy.
            line = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
            talk = websocket.create_connection(
                page["webSocketDebuggerUrl"], socket=line, suppress_origin=True
            )
            numbers = itertools.count(1)

            def call(method: str, **parameters: Any) -> dict[str, Any]:
                number = next(numbers)
                talk.send(json.dumps({"id": number, "method": method, "params": parameters}))
                while (answer := json.loads(talk.recv())).get("id") != number:
                    pass  # an event, which nobody asked for
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

            screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
            with contextlib.closing(talk):
                call("Emulation.setDeviceMetricsOverride", **screen)
                yield call
                call("Browser.close")


def _text(call: Call) -> str:
    """The text that is laid out on the page, shadow roots included."""
    snapshot = call("DOMSnapshot.captureSnapshot", computedStyles=[])
    strings = snapshot["strings"]
    numbers = [each for document in snapshot["documents"] for each in document["layout"]["text"]]
    pieces = [strings[number].strip() for number in numbers if number >= 0]
    return "\n".join(filter(None, pieces))


@contextlib.contextmanager
def _running(command: list[str], log: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, by itself if it can."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
    )
    try:
        yield process
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
    finally:
        process.kill()
        process.wait()


def _get(url: str) -> Any:
    with requests.Session() as session:
        session.trust_env = False  # a user's proxy must not be asked for the loopback
        answer = session.get(url, timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()


def _wait_for(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} seconds")


def size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split(","))
    return width, height


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of runs")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--page", choices=PAGES, default="timeseries")
    parser.add_argument(
        "--size", type=size, default=(1280, 900), help="width,height in pixels (1280,900)"
    )
    parser.add_argument(
        "--query", default="", help="settings of the page, such as 'tagFilter=loss&smoothing=0'"
    )
    options = parser.parse_args()
    with tensorboard(options.folder) as address:
        take(address, options.picture, options.page, options.size, options.query)
    print(f"{options.picture}: {options.page} of {options.folder}")


if __name__ == "__main__":
    main()
