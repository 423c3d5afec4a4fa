"""Take a picture of TensorBoard over a folder of runs, in headless Chromium.

    python tools/screenshot.py runs/03_hyperparameter_sweep sweep.png --page hparams

TensorBoard's server is started on a loopback port for the picture, and ended afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-proxy-server", "--disable-gpu")
PATIENCE = 90.0  # seconds for a server or a page on a busy machine
SETTLED = 1.5  # a page that looks the same for so many seconds is complete: spinners turn


def find_browser() -> str | None:
    """The path of a Chromium, if one is installed and playwright is there to drive it."""
    if importlib.util.find_spec("playwright") is None:
        return None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def browser(size: tuple[int, int] = (1280, 900)) -> Iterator[Page]:
    """An empty page in a headless Chromium, of this width and height in pixels."""
    path = find_browser()
    if path is None:
        raise FileNotFoundError(
            f"needs playwright (pip install -r requirements-dev.txt) and a Chromium under one of "
            f"the names {', '.join(BROWSERS)}"
        )
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path, args=FLAGS, timeout=PATIENCE * 1000
        )
        page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
        page.set_default_timeout(PATIENCE * 1000)
        yield page
        chromium.close()


@contextlib.contextmanager
def tensorboard(folder: str | Path) -> Iterator[str]:
    """A TensorBoard server over the runs below `folder`; gives its address once it has read them.

    A `RuntimeError` has what a server said that ended by itself; one that never comes up is a
    `TimeoutError`.
    """
    runs = {path.parent for path in Path(folder).rglob("events.out.tfevents.*")}
    if not runs:
        raise FileNotFoundError(f"there are no TensorBoard runs below {folder}")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0", "--reload_interval", "1"]
    with tempfile.NamedTemporaryFile() as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def address() -> str | None:
            said = Path(log.name).read_text()
            if server.poll() is not None:
                raise RuntimeError(f"TensorBoard ended by itself:\n{said}")
            found = re.search(r"http://127\.0\.0\.1:\d+/", said)
            return found and found[0]

        try:
            url = _wait_for(address, "TensorBoard's server")
            _wait_for(lambda: len(_runs(url)) == len(runs), "TensorBoard's runs")
            yield url
        finally:
            server.kill()
            server.wait()


def take(
    address: str,
    picture: str | Path,
    page: str = "timeseries",
    size: tuple[int, int] = (1280, 900),
    query: str = "",
) -> str:
    """Write a PNG of a page of the server at `address`, once it shows a run and no longer changes.

    `page` is `timeseries` or `hparams`; `query` holds its settings, such as `smoothing=0`. Returns
    the text on the page, one piece per line. A `TimeoutError` says that it never showed a run.
    """
    runs = _runs(address)
    text, image = "", b""
    changed = time.monotonic()
    with browser(size) as opened:
        opened.goto(f"{address}?{query}#{page}")

        def settled() -> bool:
            nonlocal text, image, changed
            before = text, image
            text, image = _text(opened), opened.screenshot()
            if (text, image) != before or not any(run in text for run in runs):
                changed = time.monotonic()
            return time.monotonic() - changed > SETTLED

        _wait_for(settled, f"a run on the page {page}")
    Path(picture).write_bytes(image)
    return text


def _text(page: Page) -> str:
    """The text that is laid out on the page, shadow roots included: TensorBoard uses them."""
    protocol = page.context.new_cdp_session(page)
    snapshot = protocol.send("DOMSnapshot.captureSnapshot", {"computedStyles": []})
    protocol.detach()
    strings = snapshot["strings"]
    numbers = [each for document in snapshot["documents"] for each in document["layout"]["text"]]
    pieces = [strings[number].strip() for number in numbers if number >= 0]
    return "\n".join(filter(None, pieces))


def _runs(address: str) -> list[str]:
    """The runs that the server has read so far."""
    with requests.Session() as session:
        session.trust_env = False  # a user's proxy must not be asked for the loopback
        answer = session.get(f"{address}data/runs", timeout=PATIENCE)
    answer.raise_for_status()
    return answer.json()


def _wait_for(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} seconds")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of runs")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--page", choices=("timeseries", "hparams"), default="timeseries")
    options = parser.parse_args()
    with tensorboard(options.folder) as address:
        take(address, options.picture, options.page)
    print(f"{options.picture}: {options.page} of {options.folder}")


if __name__ == "__main__":
    main()
