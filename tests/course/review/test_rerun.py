"""Running copies: what is run, where, for how long, and what counts as reproduced."""

from pathlib import Path

import pytest

from course.__main__ import main
from course.meaning import digest
from course.review.rerun import rerun
from tests.course.review.makers import (
    TINY,
    code,
    failed,
    kinds,
    printed,
    result,
    reviewed,
    shown,
    stored,
    write,
)

pytestmark = pytest.mark.slow  # each test starts kernels
IGNORED, DOWNLOADS = ("nbval-ignore-output",), ("downloads",)
LONG = "A" * 9000 + "2.2" + "B" * 9000 + "\n"
FORTY = [shown(text_plain=str(n if n != 35 else 36)) for n in range(40)]
HTML = result("<IPython.core.display.HTML object>")
HTML["data"]["text/html"] = "<b>99%</b>"
DRAWS = f"""import base64
from IPython.display import Image, display
display(Image(base64.b64decode('{TINY}')))"""
IMAGE = {"text_plain": "<IPython.core.display.Image object>"}


def number(value, name="01.mlp.validation_loss"):
    return shown({"number": name, "value": value}, text_plain=f"{name}, as expected")


def publish(value, name="01.mlp.validation_loss"):
    return f"from course.display import publish\npublish('{name}, as expected', " + (
        f"{{'number': '{name}', 'value': {value}}})"
    )


CELLS = [
    ("the same", code("print('same')", printed("same\n"))),
    ("close", code("2.0001", result("2.0002"))),
    ("differs", code("3", result("4"))),
    ("not compared", code("print('seed', 5)", printed("seed 9\n"), tags=IGNORED)),
    ("differs", code("print('new')")),
    ("not compared", code("None", printed("data\n"), tags=DOWNLOADS)),
    ("the same", code("import sys; print('step', file=sys.stderr)", printed("bar", "stderr"))),
    ("the same", code("1 / 0", failed("ZeroDivisionError", "division by zero"))),
    ("differs", code("missing", result("1"))),
    ("not compared", code("print('never ran before')", count=None)),
    ("the same", code("print('a'); print('b')", printed("a\n"), printed("b\n"))),
    ("differs", code("print(1.0, 'then', 2)", printed("1.0 now 2\n"))),
    ("differs", code("print(99, 'of 100')", printed("100 of 100\n"))),
    ("differs", code("print(2.02)", printed("2.0\n"))),
    ("differs", code("print('A' * 9000 + '2.1' + 'B' * 9000)", printed(LONG))),
    ("differs", code("for n in range(40): display(n)", *FORTY)),
    ("differs", code("from IPython.display import HTML; HTML('<b>12%</b>')", HTML)),
    ("the same", code(DRAWS, shown(image_png=TINY.replace("WjR9aw", "WjR9bw"), **IMAGE))),
    ("differs", code(DRAWS, shown(**IMAGE))),
    ("the same", code("print(open('data/notes.txt').read())", printed("words\n"))),
    ("the same", code("import helper\nprint(helper.x)", printed("5\n"))),
    ("the same", code(publish(2.29), number(2.28))),  # both are inside the band
    ("differs", code(publish(2.29), number(1.11))),
    ("differs", code(publish(11897, "01.mlp.parameters"), number(11000, "01.mlp.parameters"))),
]
BESIDE = {"data/notes.txt": b"words", "helper.py": b"x = 5"}


def test_each_stored_output_is_reproduced_or_not():
    again = rerun(stored(*(cell for _, cell in CELLS)), timeout=30, threads=1, beside=BESIDE)
    assert again.problem == ""
    assert list(again.verdicts.values()) == [verdict for verdict, _ in CELLS]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("while True: pass", "cell 2 ran for more than 1 seconds"),
        ("import os; os._exit(1)", "the kernel died in cell 2"),
    ],
)
def test_a_cell_that_does_not_end_ends_the_run_and_is_named(source, problem):
    cells = [code("x = 1"), code(source, count=2), code("x", result("1"), count=3)]
    one = reviewed(stored(*cells), rerun=True, timeout=1)
    (mark,) = [mark for mark in one.marks if mark.kind == "rerun failed"]
    assert (mark.text, mark.cells) == (problem, [2, 3])
    assert kinds(one) == {"clean run", "rerun failed"}


def test_an_exercise_after_the_end_of_the_run_is_not_refuted():
    answer = "def f(x):\n    return x"
    published = {"exercise": "00.f", "outcome": "correct", "answer": digest(answer)}
    cells = [code(answer, count=2), code("check", shown(published, text_plain="x"), count=3)]
    content = stored(code("while True: pass"), *cells)
    one = reviewed(content, stored(*cells), rerun=True, timeout=1)
    assert {"clean run", "rerun failed"} <= kinds(one)
    assert "not reproduced" not in kinds(one)
    assert one.exercises[0].again == ""


def test_a_copy_is_run_in_a_folder_that_is_deleted_and_only_if_asked_for(tmp_path):
    trace = tmp_path / "trace.txt"
    source = f"import os; open({str(trace)!r}, 'w').write(os.getcwd()); open('left', 'w').close()"
    content = stored(code(source))
    path = write(tmp_path / "anna" / "00_x.ipynb", content)
    assert main(["review", str(path)]) == 0
    assert not trace.exists()
    assert main(["review", str(path), "--rerun"]) == 0
    assert path.read_bytes() == content
    assert Path(trace.read_text()).name == "notebooks"
    assert not Path(trace.read_text()).exists()


def test_a_kernel_named_in_the_file_is_not_started():
    spec = b'"metadata": {"kernelspec": {"name": "bash", "display_name": "bash"}}, "cells"'
    content = stored(code("print(1)", printed("1\n"))).replace(b'"metadata": {}, "cells"', spec)
    assert b"bash" in content
    assert reviewed(content, rerun=True).again.verdicts == {1: "the same"}
