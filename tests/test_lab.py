"""The intern's path in a real browser: notebook 00 in JupyterLab, then curves in TensorBoard.

What is tested is the whole chain of a set-up: the command of `make lab`, the kernel, the package,
what JupyterLab shows, and what it writes. Notebook 00 leaves no run behind, so a short run of the
test's own is opened in TensorBoard. Here its curves are seen; that TensorBoard holds the very
numbers that were logged, and shows several runs, is tested in tests/training/test_tensorboard.py.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Response, expect, sync_playwright

from course.exercises import exercise
from intro_lm.data import WindowBatches
from intro_lm.training import Tracker, TrainingSettings, train
from tests.lab_server import PATIENCE, ROOT, lab
from tools import screenshot

NOTEBOOK = ROOT / "notebooks" / "00_pytorch_warmup.ipynb"
EXERCISE = "00.lengths"
ANSWER = "return (batch != 0).sum(1)"
STUB = exercise(EXERCISE).source().strip().replace(ANSWER, "...")
# Playwright chooses these two itself.
FLAGS = [flag for flag in screenshot.FLAGS if not flag.startswith(("--headless", "--remote-"))]

pytestmark = pytest.mark.skipif(
    screenshot.find_browser() is None, reason="no Chromium is installed"
)


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a headless Chromium; not shared, since Playwright keeps an event loop running."""
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=screenshot.find_browser(), args=FLAGS, timeout=PATIENCE * 1000
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE * 1000)
        yield page
        browser.close()


def choose(page: Page, menu: str, entry: str) -> None:
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=entry, exact=True).click()


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


def said(cell: dict[str, Any]) -> list[str]:
    """The texts of a cell's outputs that are shown as they are and the same on every machine."""
    if "nbval-ignore-output" in cell["metadata"].get("tags", []):
        return []
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if output["output_type"] == "error":
            texts.append(f"{output['ename']}: {output['evalue']}")
        elif output["output_type"] == "stream":
            texts.append("".join(output["text"]))
        elif not data.keys() & {"image/png", "text/markdown"}:
            texts.append("".join(data["text/plain"]))
    return texts


def pictures(cell: dict[str, Any]) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def outcome(cell: dict[str, Any]) -> dict[str, Any]:
    """What a check stores of an exercise, beside the words that it shows."""
    records = [output.get("metadata", {}).get("course", {}) for output in cell.get("outputs", [])]
    return next((record for record in records if "exercise" in record), {})


def test_an_intern_runs_notebook_00_and_solves_an_exercise(page: Page, tmp_path: Path) -> None:
    notebook = copied(tmp_path / "repository" / "notebooks")
    before = read(notebook)
    code = [number for number, cell in enumerate(before) if cell["cell_type"] == "code"]
    stub = next(number for number in code if source(before[number]) == STUB)
    check = next(number for number in code if outcome(before[number]).get("exercise") == EXERCISE)
    with lab(tmp_path / "repository", tmp_path / "home") as server:
        open_notebook(page, server)
        run_all(page, len(code), code[-1])
        for count, position in enumerate(code, 1):
            cell = show(page, position)
            expect(prompt(cell)).to_have_text(f"[{count}]:")
            if record := outcome(before[position]):
                found = "not attempted" if position == check else record["outcome"]
                expect(outputs(cell)).to_contain_text(f"{record['exercise']}: {found}.")
            for text in said(before[position]):
                expect(outputs(cell)).to_contain_text(text)
            drawn = outputs(cell).locator("img")
            expect(drawn).to_have_count(pictures(before[position]))
            for picture in drawn.all():
                expect(picture).to_have_js_property("complete", True)
                assert picture.evaluate("image => image.naturalWidth") > 300

        answer(page, stub)
        expect(prompt(show(page, stub))).to_have_text(f"[{len(code) + 1}]:")
        prompt(show(page, check)).click()
        page.keyboard.press("Shift+Enter")
        expect(outputs(show(page, check))).to_contain_text(f"{EXERCISE}: correct.")
        # The file is written in place: before the answer, half of it may be there.
        with page.expect_response(is_save) as saved:
            page.keyboard.press("ControlOrMeta+s")
        assert saved.value.ok
    after = read(notebook)

    assert source(after[stub]) == STUB.removesuffix("...") + ANSWER
    solved = outcome(after[check])
    assert (solved["outcome"], solved["failed"]) == ("correct", [])
    assert len(after) == len(before)
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert [new[part] for part in ("id", "cell_type", "metadata")] == [
            old[part] for part in ("id", "cell_type", "metadata")
        ]
        if number != stub:
            assert source(new) == source(old)
        if number != check:
            assert (said(new), outcome(new)) == (said(old), outcome(old))


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


def is_save(response: Response) -> bool:
    return response.request.method == "PUT" and "/api/contents/" in response.url


def open_notebook(page: Page, server: dict[str, Any]) -> None:
    page.goto(server["url"])
    expect(page.get_by_text("Token authentication is enabled")).to_be_visible()
    # JupyterLab asks every new user whether to bring news, and hides part of the notebook by it.
    news = page.locator(".Toastify__toast").filter(has_text="Jupyter news")
    page.add_locator_handler(
        news, lambda toast: toast.get_by_role("button", name="No", exact=True).click()
    )
    page.goto(f"{server['url']}?token={server['token']}")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    expect(page.get_by_role("tab", name=NOTEBOOK.name)).to_be_visible()


def run_all(page: Page, count: int, last: int) -> None:
    """Run all cells through the menu, and wait for the last of them."""
    # The file holds outputs already, as the intern's does; those that are seen must be new.
    choose(page, "Edit", "Clear Outputs of All Cells")
    expect(page.locator(".jp-Notebook .jp-OutputArea-output")).to_have_count(0)
    choose(page, "Run", "Run All Cells")
    expect(prompt(show(page, last))).to_have_text(f"[{count}]:")


def answer(page: Page, stub: int) -> None:
    """Type an answer in place of the dots at the stub's end, and run its cell."""
    show(page, stub).locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+End")
    for _ in "...":
        page.keyboard.press("Backspace")
    page.keyboard.type(ANSWER)
    page.keyboard.press("Shift+Enter")


def test_tensorboard_shows_the_curves_of_a_run(page, tmp_path, windows, make_model) -> None:
    tracker = Tracker(tmp_path / "runs" / "first")
    history = train(
        make_model(),
        WindowBatches(*windows, batch_size=64),
        TrainingSettings(steps=20, log_every=5, evaluate_every=5),
        validation=WindowBatches(*windows, shuffle=False),
        tracker=tracker,
        progress=False,
    )
    tracker.close("success")
    final = history.entries[-1].scalars()
    assert set(final) >= {"loss/train", "loss/validation", "learning_rate", "tokens_per_second"}
    with screenshot.tensorboard(tmp_path / "runs") as address:
        page.goto(address)
        # TensorBoard opens the first two groups of curves; the third is opened by a click.
        page.get_by_role("button").filter(has_text="tokens_per_second").click()
        for tag in final:
            card = page.locator("scalar-card").filter(has=page.get_by_title(tag, exact=True))
            card.scroll_into_view_if_needed()
            expect(card).to_contain_text("first")  # the run's row below its curve
            if tag.startswith("loss/"):
                numbers = map(float, re.findall(r"\d+\.\d+", card.inner_text()))
                assert any(number == pytest.approx(final[tag], abs=1e-4) for number in numbers)
