"""Bad notebooks, each fed to the real `pytest --nbval` with the curriculum's conftest."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.course.notebooks.makers import cell, error, figure, notebook, printed, save

ROOT = Path(__file__).parents[3]
DRAW = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
ABSENT = 'data.available("makemore-names")'

NOTEBOOKS = {
    "good": notebook(
        cell("print('hello')", printed("hello\n")),
        cell("1 / 0", error("ZeroDivisionError", "division by zero"), count=2,
             tags=("raises-exception",)),
        cell("import random\nassert True\nprint(random.random())", printed("0.5\n"), count=3,
             tags=("nbval-ignore-output",)),
    ),
    "figure_comes": notebook(
        cell(DRAW, figure(**{"text/plain": "<Figure size 640x480 with 1 Axes>"}))
    ),
    "never_executed": notebook(cell("print('hello')", count=None)),
    "stale_counts": notebook(cell("x = 1"), cell("x = 2", count=5)),
    "unknown_magic": notebook(cell("%nosuchmagic")),
    "magic_fails_silently": notebook(
        cell("get_ipython().run_line_magic('nosuch', '')",
             printed("UsageError: Line magic function `%nosuch` not found.\n", "stderr")),
    ),
    "dead_kernel": notebook(cell("import os\nos._exit(1)"), cell("x = 1", count=2)),
    "hangs": notebook(cell("import time\ntime.sleep(600)"), cell("x = 1", count=2)),
    "missing_figure": notebook(
        cell("draw = False"),
        cell("import matplotlib.pyplot as plt\nif draw:\n    plt.plot([1])\nplt.show()", figure(),
             count=2),
    ),
    "changed_output": notebook(cell("print('hello')", printed("hallo\n"))),
    "changed_error": notebook(
        cell("1 / 0", error("ValueError", "something else"), tags=("raises-exception",))
    ),
    "does_not_raise": notebook(
        cell("x = 1", error("ValueError", "no"), tags=("raises-exception",))
    ),
    "does_not_raise_and_is_ignored": notebook(
        cell("assert True", error("ValueError", "no"),
             tags=("raises-exception", "nbval-ignore-output")),
        cell("x = 1", count=2), cell("x = 2", count=3),
    ),
    "warns": notebook(cell("import sys\nx = sys.stderr.write('careful')")),
    "downloads_absent": notebook(
        cell("from intro_lm import data"),
        cell(f"here = {ABSENT}", count=2, tags=("downloads",)),
        cell("if here:\n    print('stored where it was here')", printed("stored\n"), count=3,
             tags=("downloads",)),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, list[str]]:
    """For each notebook, each test's outcome: passed, or why it failed."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "notebooks" / "conftest.py", folder)
    for name, made in NOTEBOOKS.items():
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
         "--nbval-cell-timeout=4", f"--junit-xml={report}", "-c", str(ROOT / "pyproject.toml"),
         f"--rootdir={ROOT}", "--continue-on-collection-errors", str(folder)],
        cwd=ROOT, capture_output=True, check=False, env=environment,
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = (case.get("classname") or case.get("name")).removesuffix(".ipynb")
        failure = next((part for part in case if part.tag in ("failure", "error")), None)
        text = "passed" if failure is None else "".join(failure.itertext())
        found.setdefault(name, []).append(text)
    return found


def test_good_notebooks_pass(outcomes):
    assert outcomes["good"] == ["passed"] * 3
    assert outcomes["figure_comes"] == ["passed"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("never_executed", "never executed"),
        ("stale_counts", "should be 2 and it has 5"),
        ("unknown_magic", "magics and shell commands"),
        ("magic_fails_silently", "The cell failed without raising: UsageError"),
        ("dead_kernel", "The kernel died while this cell ran"),
        ("hangs", "Timeout of 4 seconds exceeded"),
        ("missing_figure", "Figures differ: {'image/png': 1} stored, {} now"),
        ("changed_output", "Cell outputs differ"),
        ("changed_error", "Cell outputs differ"),
        ("does_not_raise", "Missing output fields"),
        ("does_not_raise_and_is_ignored", "tagged raises-exception and raised nothing"),
        ("warns", "Unexpected output fields"),
    ],
)
def test_each_bad_notebook_fails_and_says_why(outcomes, name, said):
    assert any(said in text for text in outcomes[name]), outcomes[name]


def test_what_stands_behind_a_dead_or_hanging_cell_is_not_run(outcomes):
    for name in ("dead_kernel", "hangs"):
        assert "not run: cell 0 ended the notebook" in outcomes[name][1]


def test_a_download_section_without_its_dataset_runs_and_is_not_compared(outcomes):
    assert outcomes["downloads_absent"] == ["passed"] * 3
