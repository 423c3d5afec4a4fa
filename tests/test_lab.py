"""The intern's path in a real browser: notebook 00 in the JupyterLab of `make lab`.

What is tested is the whole chain of a set-up: the command of `make lab`, the kernel, the package,
what JupyterLab shows, and what it writes. TensorBoard in a browser is tested in
tests/training/test_tensorboard.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs requirements-dev.txt")

from course.exercises import exercise  # noqa: E402
from tests.test_docker import free_port, get  # noqa: E402
from tools import screenshot  # noqa: E402

expect, Locator, Page = playwright.expect, playwright.Locator, playwright.Page

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "notebooks" / "00_pytorch_warmup.ipynb"
EXERCISE = "00.lengths"
ANSWER = "return (batch != 0).sum(1)"
STUB = exercise(EXERCISE).source().strip().replace(ANSWER, "...")
TOKEN = "given-by-this-test"
PATIENCE = 120.0  # seconds for each thing that is waited for, on a slow and busy machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(screenshot.find_browser() is None, reason="no Chromium is installed"),
]


@contextlib.contextmanager
def lab(folder: Path, home: Path) -> Iterator[str]:
    """JupyterLab over `folder`, for a user who never opened it before: their files are in `home`.

    Gives its address. The token is TOKEN.
    """
    settings, command = lab_command()
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    homes = {name: str(home / name) for name in names}
    homes["JUPYTER_CONFIG_PATH"] = str(ROOT / settings)
    others = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    port = free_port()
    command += ["--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in containers, where root may be the only user
    server = subprocess.Popen(command, cwd=folder, env=others | homes, stdin=subprocess.DEVNULL)
    try:
        get(port, "/api")
        yield f"http://127.0.0.1:{port}"
    finally:
        kernels = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        server.wait()
        for kernel in kernels:
            with contextlib.suppress(psutil.NoSuchProcess):
                kernel.kill()


def lab_command() -> tuple[str, list[str]]:
    """The settings' folder and the command of `make lab`, in the environment of this test."""
    # Under `make test`, the outer make would pass its own flags on.
    others = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "--no-print-directory", "lab"]
    made = subprocess.run(command, cwd=ROOT, env=others, capture_output=True, text=True, check=True)
    words = shlex.split(made.stdout.strip().splitlines()[-1])
    jupyter = str(Path(sys.executable).parent / "jupyter")
    return words[0].removeprefix("JUPYTER_CONFIG_PATH="), [jupyter, *words[2:]]


def show(page: Page, position: int) -> Locator:
    """A cell of the notebook, brought into view: JupyterLab draws no others."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(position)
    cell.scroll_into_view_if_needed()
    return cell


def prompt(cell: Locator) -> Locator:
    return cell.locator(".jp-InputArea-prompt")


def outputs(cell: Locator) -> Locator:
    return cell.locator(".jp-OutputArea")


def read(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def pictures(cell: dict[str, Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def outcome(cell: dict[str, Any]) -> dict[str, Any]:
    """What a check stores of an exercise, in addition to the words that it shows."""
    stored = [output.get("metadata", {}).get("course", {}) for output in cell.get("outputs", [])]
    return next((one for one in stored if "exercise" in one), {})


def test_an_intern_runs_notebook_00_and_solves_an_exercise(tmp_path: Path) -> None:
    notebook = copied(tmp_path / "repository" / "notebooks")
    before = read(notebook)
    code = [number for number, cell in enumerate(before) if cell["cell_type"] == "code"]
    stub = next(number for number in code if source(before[number]) == STUB)
    check = next(number for number in code if outcome(before[number]).get("exercise") == EXERCISE)
    expect.set_options(timeout=PATIENCE * 1000)
    with lab(tmp_path / "repository", tmp_path / "home") as address, screenshot.browser() as page:
        open_notebook(page, address)
        run_all(page, len(code), code[-1])
        for count, position in enumerate(code, 1):
            cell = show(page, position)
            expect(prompt(cell)).to_have_text(f"[{count}]:")
            if stored := outcome(before[position]):
                found = "not attempted" if position == check else stored["outcome"]
                expect(outputs(cell)).to_contain_text(f"{stored['exercise']}: {found}.")
            expect(outputs(cell).locator("img")).to_have_count(pictures(before[position]))
        # Outputs break between words, and a progress bar isn't painted as an error.
        text = outputs(show(page, code[0])).locator("pre")
        expect(text.first).to_have_css("word-break", "normal")
        bar = page.locator('[data-mime-type$="stderr"]', has_text="100%").first
        expect(bar).to_have_css("background-color", "rgba(0, 0, 0, 0)")

        answer(page, stub)
        expect(prompt(show(page, stub))).to_have_text(f"[{len(code) + 1}]:")
        prompt(show(page, check)).click()
        page.keyboard.press("Shift+Enter")
        expect(outputs(show(page, check))).to_contain_text(f"{EXERCISE}: correct.")
        # The file is written in place: before the answer, half of it may be there.
        with page.expect_response(lambda response: response.request.method == "PUT") as saved:
            page.keyboard.press("ControlOrMeta+s")
        assert saved.value.ok
    after = read(notebook)

    assert source(after[stub]) == STUB.removesuffix("...") + ANSWER
    assert outcome(after[check])["outcome"] == "correct"
    assert [cell["id"] for cell in after] == [cell["id"] for cell in before]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert new["metadata"] == old["metadata"]
        if number != stub:
            assert source(new) == source(old)


def copied(folder: Path) -> Path:
    """A copy of the notebook; if you have done the exercise already, with its stub put back."""
    copy = folder / NOTEBOOK.name
    folder.mkdir(parents=True)
    shutil.copy(NOTEBOOK, copy)
    notebook = json.loads(copy.read_text(encoding="utf-8"))
    cell = next(cell for cell in notebook["cells"] if "def name_lengths" in source(cell))
    if source(cell) != STUB:
        cell["source"] = STUB
        copy.write_text(json.dumps(notebook), encoding="utf-8")
    return copy


def open_notebook(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("Token authentication is enabled")).to_be_visible()
    page.goto(f"{address}?token={TOKEN}")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    expect(page.get_by_role("tab", name=NOTEBOOK.name)).to_be_visible()
    # Quiet: no question about news, and no ● of a change that nobody made.
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)


def run_all(page: Page, count: int, last: int) -> None:
    """Run all cells through the menu, and wait for the last of them."""
    # The file holds outputs already, as the intern's does; those that are seen must be new.
    for menu, entry in (("Edit", "Clear Outputs of All Cells"), ("Run", "Run All Cells")):
        page.get_by_role("menuitem", name=menu, exact=True).click()
        page.get_by_role("menuitem", name=entry, exact=True).click()
    expect(prompt(show(page, last))).to_have_text(f"[{count}]:")


def answer(page: Page, stub: int) -> None:
    """Type an answer in place of the dots at the stub's end, and run its cell."""
    show(page, stub).locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+End")
    for _ in "...":
        page.keyboard.press("Backspace")
    page.keyboard.type(ANSWER)
    page.keyboard.press("Shift+Enter")
