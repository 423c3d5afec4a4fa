import pytest

from course.notebooks.check import problems
from course.notebooks.downloads import dataset_of_cells
from tests.course.notebooks.makers import cell, error, figure, notebook, printed, value

GOOD = (
    cell("x = 1"),
    cell("print(x)", printed("1\n"), count=2),
    cell("x", value("1", 3), count=3),
    cell("plt.plot([x])\nplt.show()", figure(), count=4),
    cell("1 / 0", error("ZeroDivisionError", "division by zero"), count=5,
         tags=("raises-exception",)),
)  # fmt: skip


def with_metadata(made, **metadata):
    made.metadata.update(metadata)
    return made


def cell_with_metadata(**metadata):
    made = cell("x = 1")
    made.metadata.update(metadata)
    return made


def test_a_good_notebook_has_no_problem():
    assert problems(notebook(*GOOD)) == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (notebook(cell("x = 1", count=None)), "never executed"),
        (notebook(cell("x = 1"), cell("y = 2", count=7)), "should be 2 and it has 7"),
        (notebook(cell("x = 1"), cell("y = 2", count=1)), "should be 2 and it has 1"),
        (notebook(cell("print(1)")), "stores nothing printed"),
        (notebook(cell("x = 1\nx")), "no value is stored"),
        (notebook(cell("plt.plot([1])\nplt.show()")), "stores its figure"),
        (notebook(cell("plt.plot([1])", figure())), "ends with plt.show()"),
        (notebook(cell("x = 1", tags=("nbval-skip",))), "unknown tag nbval-skip"),
        (notebook(cell("x = 1", tags=("nbval-ignore-ouput",))), "unknown tag"),
        (notebook(cell("x = 1", tags=("raises-exception",))), "stores no error"),
        (notebook(cell("1 / 0", error("ZeroDivisionError", "no"))), "it stores an error"),
        (notebook(cell("# NBVAL_IGNORE_OUTPUT\nx = 1")), "use a cell tag"),
        (notebook(cell("## NBVAL_SKIP\nx = 1")), "use a cell tag"),
        (notebook(cell("%time x = 1")), "magics"),
        (notebook(cell("!ls")), "magics"),
        (notebook(cell("# only a comment")), "no statement"),
        (notebook(cell("print(1)", printed("/home/ada/project\n"))), "path of the machine"),
        (notebook(cell("print(1)", printed("in /tmp/x1\n"))), "path of the machine"),
        (notebook(cell("print(1)", printed("C:\\Users\\ada\n"))), "path of the machine"),
        (notebook(cell("print(1)", printed("/private/var/x\n"))), "path of the machine"),
        (notebook(cell("print(1)", printed("file:///home/ada\n"))), "path of the machine"),
        (notebook(cell_with_metadata(execution={"iopub.status": "2026"})), "metadata execution"),
        (with_metadata(notebook(cell("x = 1")), widgets={"state": {}}), "metadata holds widgets"),
        (with_metadata(notebook(cell("x = 1")), kernelspec={"name": "mine"}), "not python3"),
        (
            notebook(cell("x = 1", tags=("nbval-ignore-output",)), cell("y = 1", count=2)),
            "nothing|asserts what was found",
        ),
        (notebook(), "no code cell"),
    ],
)
def test_each_fault_is_found(made, expected):
    found = problems(made)
    assert any(part in problem for problem in found for part in expected.split("|")), found


def test_setting_up_matplotlib_is_not_drawing():
    assert problems(notebook(cell("plt.rcParams.update({'figure.dpi': 100})"))) == []


def test_metadata_of_a_markdown_cell_is_found():
    made = notebook(cell("x = 1"))
    made.cells[0].metadata["collapsed"] = True
    assert any("Markdown cell holds metadata" in problem for problem in problems(made))


def test_a_widget_in_an_output_is_found():
    shown = value("1")
    shown.data["application/vnd.jupyter.widget-view+json"] = {"model_id": "1"}
    assert any("widget" in problem for problem in problems(notebook(cell("x", shown))))


def test_repeated_cell_ids_are_found():
    made = notebook(cell("x = 1"), cell("y = 1", count=2))
    made.cells[3]["id"] = made.cells[1]["id"]
    assert any("ids are missing or repeated" in problem for problem in problems(made))


def test_code_without_explanation_is_found():
    made = notebook(*(cell(f"x = {n}", count=n) for n in range(1, 6)))
    made.cells = [c for c in made.cells if c.cell_type == "code"] + made.cells[:2:2]
    assert any("explain more" in problem for problem in problems(made))


def test_too_many_ignored_outputs_are_found_and_downloads_do_not_count():
    def some(ignored, downloads):
        cells = [
            cell("assert True", count=n + 1, tags=("nbval-ignore-output",) if n < ignored else ())
            for n in range(5)
        ]
        cells += [cell("y = 1", count=6 + n, tags=("downloads",)) for n in range(downloads)]
        return [
            problem for problem in problems(notebook(*cells)) if "ignore their output" in problem
        ]

    assert some(ignored=2, downloads=0) == []
    assert len(some(ignored=3, downloads=0)) == 1
    assert len(some(ignored=3, downloads=9)) == 1


def test_an_ignored_cell_is_proven_by_itself_or_the_compared_cell_below():
    ignored = ("nbval-ignore-output",)
    rest = [cell("z = 1", count=n) for n in (3, 4, 5)]
    by_itself = notebook(cell("assert True", tags=ignored), cell("y = 1", count=2), *rest)
    by_the_next = notebook(cell("x = 1", tags=ignored), cell('expect("a", x)', count=2), *rest)
    assert problems(by_itself) == problems(by_the_next) == []


@pytest.mark.parametrize(
    ("text", "output", "right"),
    [
        ("The loss is 2.31.", "loss 2.3084\n", True),
        ("The loss is 2.31.", "loss 2.3184\n", False),
        ("The loss is 2.3084, a share of 0.17.", "loss 2.3084\nshare 0.1654\n", True),
        ("It has 11,897 parameters and takes 3.5 s.", "11897 parameters\n", True),
        ("It has 11,898 parameters.", "11,897 parameters\n", False),
        ("$\\log 27 = 3.296$", "3.29584\n", True),
    ],
)
def test_a_number_in_the_text_must_be_shown_by_a_cell(text, output, right):
    made = notebook(cell("print(x)", printed(output)))
    made.cells[0].source = text
    found = [problem for problem in problems(made) if "shows that number" in problem]
    assert bool(found) != right


def test_each_cell_belongs_to_the_dataset_named_last():
    cells = [
        cell("x = 1"),
        cell('if data.available("a"): pass'),
        cell("y"),
        cell("available('b-2')"),
    ]
    assert dataset_of_cells(cells) == [None, "a", "a", "b-2"]
