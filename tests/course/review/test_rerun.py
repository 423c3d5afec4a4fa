"""Executing copies: what is executed, where, for how long, and what is called reproduced."""

from pathlib import Path

import pytest

from course.review.rerun import rerun
from course.review.texts import sha256
from tests.course.review.makers import code, failed, printed, reviewed, shown, stored, text, write

TINY = (  # a picture of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)


def result(words):
    return {"output_type": "execute_result", "data": {"text/plain": words}, "metadata": {}}


LONG = "A" * 9000 + "2.2" + "B" * 9000 + "\n"
FORTY = [shown(text_plain=str(n if n != 35 else 36)) for n in range(40)]
PERCENT = {
    "output_type": "execute_result",
    "data": {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<b>99%</b>"},
    "metadata": {},
}


@pytest.fixture(scope="module")
def mixed():
    """One run over cells that come out the same, nearly, otherwise, and not at all."""
    ignored, downloads = ("nbval-ignore-output",), ("downloads",)
    return rerun(
        stored(
            text("# Words"),
            code("print('same')", printed("same\n")),
            code("2.0001", result("2.0002"), count=2),
            code("3", result("4"), count=3),
            code("print('seed', 5)", printed("seed 9\n"), count=4, tags=ignored),
            code("print('new')", count=5),
            code("None", printed("data\n"), count=6, tags=downloads),
            code("import sys; print('step', file=sys.stderr)", printed("bar", "stderr"), count=7),
            code("1 / 0", failed("ZeroDivisionError", "division by zero"), count=8),
            code("missing", result("1"), count=9),
            code("print('never ran before')", count=None),
            code("print('a'); print('b')", printed("a\n"), printed("b\n"), count=11),
            code("print(1.0, 'then', 2)", printed("1.0 now 2\n"), count=12),
            code("print(99, 'of 100')", printed("100 of 100\n"), count=13),
            code("print(2.02)", printed("2.0\n"), count=14),
            code("print(2.02)", printed("2.0\n"), count=15, tags=ignored),
            code("print('A' * 9000 + '2.1' + 'B' * 9000)", printed(LONG), count=16),
            code("for n in range(40): display(n)", *FORTY, count=17),
            code("from IPython.display import HTML; HTML('<b>12%</b>')", PERCENT, count=18),
        ),
        timeout=30,
        threads=1,
    )


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        (2, "the same"),
        (3, "close"),
        (4, "differs"),
        (5, "not compared"),
        (6, "differs"),
        (7, "not compared"),
        (8, "the same"),
        (9, "the same"),
        (10, "differs"),
        (11, "not compared"),
        (12, "the same"),
        (13, "differs"),
        (14, "differs"),
        (15, "differs"),
        (16, "close"),
        (17, "differs"),
        (18, "differs"),
        (19, "differs"),
    ],
)
def test_each_stored_output_is_reproduced_or_not(mixed, place, verdict):
    assert mixed.verdicts[place] == verdict


def test_it_goes_on_behind_an_error(mixed):
    assert mixed.problem == ""
    assert list(mixed.verdicts) == list(range(2, 20))


def test_figures_are_counted_and_not_compared():
    draws = "from IPython.display import Image, display\nimport base64\n"
    draws += f"display(Image(base64.b64decode('{TINY}')))"
    other = TINY.replace("WjR9aw", "WjR9bw")
    both = shown(image_png=other, text_plain="<IPython.core.display.Image object>")
    none = shown(text_plain="<IPython.core.display.Image object>")
    again = rerun(stored(code(draws, both), code(draws, none, count=2)), 30, 1)
    assert again.verdicts == {1: "the same", 2: "differs"}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import time; time.sleep(60)", "cell 2 ran for more than 2 seconds"),
        ("while True: pass", "cell 2 ran for more than 2 seconds"),
        ("import os; os._exit(1)", "the kernel died in cell 2"),
    ],
)
def test_a_cell_that_does_not_end_ends_the_run_and_is_named(source, problem):
    cells = [code("x = 1"), code(source, count=2), code("x", result("1"), count=3)]
    one = reviewed(stored(*cells), rerun=True, timeout=2)
    assert {mark.kind for mark in one.marks} == {"clean run", "rerun failed"}
    (mark,) = [mark for mark in one.marks if mark.kind == "rerun failed"]
    assert (mark.text, mark.cells) == (problem, [2, 3])


def test_an_exercise_behind_the_end_of_the_run_is_not_refuted():
    answer = "def f(x):\n    return x"
    record = {"exercise": "00.f", "outcome": "correct", "answer": sha256(answer)}
    check = code("ex = 1", shown(record, text_plain="00.f: correct. Tested:\n\n- all"), count=3)
    base = stored(code(answer, count=2, id="a"), code("ex = 1", check["outputs"][0], id="b"))
    content = stored(code("import time; time.sleep(9)"), code(answer, count=2), check)
    one = reviewed(content, base.replace(b"return x", b"..."), rerun=True, timeout=1)
    assert {mark.kind for mark in one.marks} >= {"clean run", "rerun failed"}
    assert "not reproduced" not in {mark.kind for mark in one.marks}
    assert one.exercises[0].again == ""


def test_where_nothing_can_be_compared_nothing_is_reproduced():
    cells = [code("1", result("2"), tags=("nbval-ignore-output",)), code("print(1)", count=None)]
    one = reviewed(stored(*cells), rerun=True)
    assert {mark.kind for mark in one.marks} == {"not run"}


def test_a_number_that_was_typed_in_is_not_reproduced():
    source = "from course.expected import expect; expect('01.mlp.parameters', 11897)"
    line = "01.mlp.parameters: 11897, as expected"
    for value, verdict in ((11897, "the same"), (11000, "differs")):
        record = {"number": "01.mlp.parameters", "value": value, "version": "0.1.0"}
        again = rerun(stored(code(source, shown(record, text_plain=line))), 30, 1)
        assert again.verdicts == {1: verdict}


def test_a_number_with_other_digits_inside_its_band_is_close():
    source = "from course.expected import expect; expect('01.mlp.validation_loss', 2.29)"
    line = "01.mlp.validation_loss: between 2.2697 and 2.3049, as expected"
    for value, verdict in ((2.29, "the same"), (2.28, "close"), (2.11, "differs")):
        record = {"number": "01.mlp.validation_loss", "value": value, "version": "0.1.0"}
        again = rerun(stored(code(source, shown(record, text_plain=line))), 30, 1)
        assert again.verdicts == {1: verdict}


def test_nothing_is_executed_unless_asked_for_and_then_in_a_folder_that_goes(tmp_path):
    trace = tmp_path / "trace.txt"
    source = f"import os; open({str(trace)!r}, 'w').write(os.getcwd()); open('left', 'w').close()"
    content = stored(code(source))
    assert reviewed(content).again is None
    assert not trace.exists()
    assert reviewed(content, rerun=True).again.problem == ""
    folder = trace.read_text()
    assert folder.endswith("notebooks")
    assert folder != str(Path.cwd())
    assert not Path(folder).exists()


def test_the_submission_itself_stays_as_it_is(tmp_path):
    from course.__main__ import main

    content = stored(code("print(1)", printed("2\n")))
    path = write(tmp_path / "anna" / "00_x.ipynb", content)
    report = tmp_path / "r.json"
    assert main(["review", str(path), "--rerun", "--jobs", "1", "--json", str(report)]) == 0
    assert path.read_bytes() == content
    assert '"not reproduced"' in report.read_text()


def test_a_kernel_named_in_the_file_is_not_started():
    content = stored(code("print(1)", printed("1\n"))).replace(
        b'"metadata": {}, "cells"', b'"metadata": {"kernelspec": {"name": "bash"}}, "cells"', 1
    )
    assert b"bash" in content
    assert reviewed(content, rerun=True).again.verdicts == {1: "the same"}
