"""What the curriculum's own texts must hold to; an intern may write any number."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("[0-9]*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])\d[\d,_]*(?:\.\d+)?")
# Two decimals or more, or thousands: somebody measured or counted it.
PRECISE = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?![\w.])|\d+\.\d{2,})")


def unshown(made):
    """Numbers in the text that neither a cell nor its output shows, to the decimals stated."""
    shown = []
    for each in made.cells:
        if each.cell_type == "code":
            texts = [each.source, *(o.get("text", "") for o in each.outputs)]
            texts += [o.get("data", {}).get("text/plain", "") for o in each.outputs]
            numbers = NUMBER.findall("\n".join(texts))
            shown += [float(number.replace(",", "").strip("_")) for number in numbers]
    for each in made.cells:
        for stated in PRECISE.findall(each.source) if each.cell_type == "markdown" else []:
            tolerance = 0.5001 * 10.0 ** -len(stated.partition(".")[2]) if "." in stated else 0
            value = float(stated.replace(",", ""))
            if not any(abs(value - other) <= tolerance for other in shown):
                yield stated


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_curriculums_texts_state_only_numbers_that_a_cell_shows(path):
    assert list(unshown(nbformat.read(path, as_version=4))) == []
