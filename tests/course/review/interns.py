"""Twelve submissions of notebook 00, made from what a fresh kernel really stored."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import nbformat

from course.display import KEY
from course.exercises import exercises
from course.meaning import digest
from course.notebooks.execute import execute
from tests.course.notebooks.filling import fill

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
NAME = "00_pytorch_warmup.ipynb"
WRONG_LENGTHS = """def name_lengths(batch: torch.Tensor) -> torch.Tensor:
    return batch.sum(1)"""


def untouched() -> dict[str, Any]:
    return json.loads((NOTEBOOKS / NAME).read_text(encoding="utf-8"))


def complete_and_half_done() -> tuple[dict[str, Any], dict[str, Any]]:
    """All exercises solved; and two of them, one wrong, two not begun. One run gives both."""
    filled = fill(nbformat.read(NOTEBOOKS / NAME, as_version=4), exercises("00"))
    check = next(cell for cell in filled.cells if 'exercise("00.lengths")' in cell.source)
    filled.cells += [nbformat.v4.new_code_cell(s) for s in (WRONG_LENGTHS, check.source)]
    done = execute(NOTEBOOKS / NAME, 120, filled)
    assert not done.error, done.error
    whole = json.loads(nbformat.writes(done.notebook))
    *whole["cells"], _, wrong = whole["cells"]
    half = copy.deepcopy(whole)
    cell_with(half, "def name_lengths")["source"] = WRONG_LENGTHS
    cell_with(half, 'exercise("00.lengths")')["outputs"] = wrong["outputs"]
    given = {cell["id"]: cell for cell in untouched()["cells"]}
    for name in ("00.derivative", "00.cross_entropy"):
        at = half["cells"].index(cell_with(half, f'exercise("{name}")'))
        for cell in half["cells"][at - 1 : at + 1]:  # the answer and its check
            cell |= copy.deepcopy(given[cell["id"]])
            for output in cell["outputs"]:
                output["metadata"]["session"] = "the intern's"
    return whole, half


def begun(whole: dict[str, Any]) -> dict[str, Any]:
    """Of the notebook as given out, only the first exercise and what is above it have run."""
    made = untouched()
    last = made["cells"].index(cell_with(made, 'exercise("00.lengths")'))
    for cell in made["cells"][: last + 1]:
        cell |= next(each for each in whole["cells"] if each["id"] == cell["id"])
    return made


def stale(made: dict[str, Any]) -> dict[str, Any]:
    """The corpus was loaded again at the end, and nothing that was made from it ran after that."""
    cell_with(made, 'corpus = data.load("names")')["execution_count"] = 60
    return made


def reordered(made: dict[str, Any]) -> dict[str, Any]:
    """The first exercise's answer and check stand at the end, as if dragged there."""
    at = made["cells"].index(cell_with(made, "def name_lengths"))
    made["cells"] += [made["cells"].pop(at), made["cells"].pop(at)]
    return made


def with_cells_deleted(made: dict[str, Any]) -> dict[str, Any]:
    doomed = [cell_with(made, "counts = torch.tensor([[2.0"), cell_with(made, "PyTorch warm-up")]
    made["cells"] = [cell for cell in made["cells"] if cell not in doomed]
    return made


def laid_out(made: dict[str, Any]) -> dict[str, Any]:
    """As editors may leave it: Windows' line ends, blanks, other quotes; and one remark."""
    for cell in made["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n") + " \r\n\r\n"
    answer = cell_with(made, "def name_lengths")
    answer["source"] = answer["source"].replace("return ", "return  ") + "# as in the text"
    corpus = cell_with(made, 'data.load("names")')
    corpus["source"] = corpus["source"].replace('"names"', "( 'names' )")
    return made


def with_ids_lost(made: dict[str, Any]) -> dict[str, Any]:
    return made | {"cells": [c | {"id": f"anew{n}"} for n, c in enumerate(made["cells"])]}


def older(made: dict[str, Any]) -> dict[str, Any]:
    """As an earlier version had it: a cell less, another text, results of an earlier package."""
    made["cells"].remove(cell_with(made, "print(batch.view(-1).shape"))
    cell_with(made, "PyTorch warm-up")["source"] = "# PyTorch, an earlier text\n"
    counts = iter(range(1, 1000))
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = next(counts)
        for output in cell.get("outputs", []):
            if KEY in output.get("metadata", {}):
                output["metadata"][KEY]["version"] = "0.0.9"
    return made


def edited_by_hand(made: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """A wrong answer of its own, and beside it all that a right one would have stored."""
    answer = cell_with(made, "def name_lengths")
    answer["source"] = WRONG_LENGTHS.replace("sum", "argmax")
    (result,) = cell_with(made, 'exercise("00.lengths")')["outputs"]
    (right,) = cell_with(whole, 'exercise("00.lengths")')["outputs"]
    result |= copy.deepcopy(right)
    result["metadata"][KEY]["answer"] = digest(answer["source"])
    return made


def died(made: dict[str, Any]) -> dict[str, Any]:
    """The kernel died while the training loop ran; no later cell did."""
    at = made["cells"].index(cell_with(made, "from tqdm import tqdm"))
    for number, cell in enumerate(made["cells"]):
        if cell["cell_type"] == "code" and number >= at:
            cell["execution_count"] = None
            if number > at:
                cell["outputs"] = []
    return made


def with_huge_output(made: dict[str, Any]) -> dict[str, Any]:
    text = "all work and no play makes a dull model\n" * 125_000  # 5 MB
    cell = cell_with(made, "print(anna.shape")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
    return made


def twelve(whole: dict[str, Any], half: dict[str, Any]) -> dict[str, bytes]:
    """The content of the twelve notebooks, by what is the matter with them."""
    made = {
        "begun": begun(whole),
        "complete": whole,
        "half-done": half,
        "untouched": untouched(),
        "stale": stale(copy.deepcopy(whole)),
        "reordered": reordered(copy.deepcopy(whole)),
        "deleted": with_cells_deleted(copy.deepcopy(whole)),
        "ids lost": with_ids_lost(copy.deepcopy(whole)),
        "laid out": laid_out(copy.deepcopy(whole)),
        "older": older(copy.deepcopy(whole)),
        "by hand": edited_by_hand(copy.deepcopy(half), whole),
        "died": died(copy.deepcopy(whole)),
        "huge": with_huge_output(copy.deepcopy(whole)),
    }
    contents = {name: json.dumps(notebook).encode() for name, notebook in made.items()}
    return contents | {"malformed": contents["complete"][:-20]}


def cell_with(notebook: dict[str, Any], words: str) -> dict[str, Any]:
    """The first cell whose source holds these words."""
    return next(cell for cell in notebook["cells"] if words in "".join(cell["source"]))
