"""Bad notebooks, each fed to the real `pytest --nbval` with the curriculum's conftest."""

import copy
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.course.notebooks.makers import cell, error, figure, notebook, printed, save

ROOT = Path(__file__).parents[3]
RAISES = ("raises-exception",)
FIGURE = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
GOOD = notebook(
    cell("from intro_lm import data\nprint('hello')", printed("hello\n")),
    cell("1 / 0", error("ZeroDivisionError", "division by zero"), tags=RAISES),
    cell("import random\nassert True\nprint(random.random())", printed("0.5\n"),
         tags=("nbval-ignore-output",)),
    cell("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
         figure(547, 413, **FIGURE)),
    cell(""),
    cell('here = data.available("makemore-names")', tags=("downloads",)),
    cell("if here:\n    print('stored where it was here')", printed("stored\n"),
         tags=("downloads",)),
)  # fmt: skip
FAULTS = {  # cells of one notebook, and what is said of each
    "The cell failed without raising: UsageError": cell(
        "import matplotlib.pyplot as plt\nget_ipython().run_line_magic('nosuch', '')",
        printed("UsageError: Line magic function `%nosuch` not found.\n", "stderr"),
    ),
    "Figures differ: [('image/png', 900, 400)] stored, [('image/png', 5": cell(
        "plt.plot([1])\nplt.show()", figure(900, 400, **FIGURE)
    ),
    "Figures differ: [('image/png', 1, 1)] stored, [] now": cell(
        "if False:\n    plt.plot([1])\nplt.show()", figure()
    ),
    "Cell outputs differ": cell("print('hello')", printed("hallo\n")),
    "mismatch 'ename'": cell("1 / 0", error("ValueError", "something else"), tags=RAISES),
    "Missing output fields": cell("x = 1", error("ValueError", "no"), tags=RAISES),
    "tagged raises-exception and raised nothing": cell(
        "assert True", error("ValueError", "no"), tags=(*RAISES, "nbval-ignore-output")
    ),
    "Unexpected output fields": cell("import sys\nx = sys.stderr.write('careful')"),
}
STATIC = {"never_executed": copy.deepcopy(GOOD), "unknown_magic": notebook(cell("%nosuchmagic"))}
STATIC["never_executed"].cells[1].execution_count = None
ENDED = {
    "dead_kernel": notebook(cell("import os\nos._exit(1)"), cell("x = 1")),
    "hangs": notebook(cell("import time\ntime.sleep(600)"), cell("x = 1")),
}


def outcomes(notebooks: dict[str, Any], folder: Path, seconds: int = 120) -> dict[str, list[str]]:
    """For each notebook, each test's outcome: passed, or why it failed."""
    shutil.copy(ROOT / "notebooks" / "conftest.py", folder)
    for name, made in notebooks.items():
        save(made, folder / f"{name}.ipynb")
    report = folder / "report.xml"
    # A dataset that is not here: an empty cache, and a proxy where nothing listens.
    environment = {
        **os.environ,
        "INTRO_LM_CACHE": str(folder / "cache"),
        **{name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")},
        **{name: "" for name in ("NO_PROXY", "no_proxy")},
    }
    subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "--color=no",
         f"--nbval-cell-timeout={seconds}", f"--junit-xml={report}",
         "-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}",
         "--continue-on-collection-errors", str(folder)],
        cwd=ROOT, capture_output=True, check=False, env=environment,
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = (case.get("classname") or case.get("name")).removesuffix(".ipynb")
        failure = next((part for part in case if part.tag in ("failure", "error")), None)
        text = "passed" if failure is None else "".join(failure.itertext())
        found.setdefault(name, []).append(text)
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, list[str]]:
    notebooks = {"good": GOOD, "faults": notebook(*FAULTS.values()), **STATIC}
    return outcomes(notebooks, tmp_path_factory.mktemp("notebooks"))


def test_a_good_notebook_passes_and_its_absent_download_is_not_compared(found):
    assert found["good"] == ["passed"] * 7


@pytest.mark.parametrize("position", range(len(FAULTS)))
def test_each_fault_that_a_cell_shows_when_it_runs_fails_and_says_why(found, position):
    assert [*FAULTS][position] in found["faults"][position]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("never_executed", "not those of one recording"),
        ("unknown_magic", "magics and shell commands"),
    ],
)
def test_what_the_static_check_finds_is_not_run(found, name, said):
    (outcome,) = found[name]
    assert said in outcome


@pytest.mark.slow
def test_a_dead_kernel_and_a_hanging_cell_end_their_notebooks(tmp_path):
    found = outcomes(ENDED, tmp_path, seconds=4)
    assert "The kernel died while this cell ran" in found["dead_kernel"][0]
    assert "Timeout of 4 seconds exceeded" in found["hangs"][0]
    for name in ENDED:
        assert "not run: cell 0 ended the notebook" in found[name][1]
