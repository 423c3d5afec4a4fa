"""Reading notebooks that are anything but well-meant."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.__main__ import main
from course.review import stored as module
from course.review.stored import MOST_OUTPUTS, UnreadableError, parse
from course.review.texts import MOST_SHOWN, one_line, shortened, visible
from tests.course.review.makers import (
    code,
    failed,
    notebook,
    printed,
    reviewed,
    shown,
    stored,
    write,
)

DEEP = '{"cells": [{"cell_type": "code", "outputs": ' + "[" * 200_000 + "]" * 200_000 + "}]}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\xff\xfe\x00", "it holds no JSON"),
        (b'{"cells": [', r"it is cut off; it holds no JSON: .* \(line 1, column 12\)"),
        (b'{"cells": [\n<<<<<<< HEAD\n1\n=======', "marks of a merge conflict; it holds no JSON"),
        (b"[]", "it is JSON, and not a notebook with cells"),
        (b'{"worksheets": []}', "its format is older than 4; open and save it in JupyterLab"),
        (b'{"cells": {"0": 1}}', "not a notebook with cells"),
        (b'{"cells": [{"cell_type": "video"}]}', "cell 1 is neither code, nor Markdown, nor raw"),
        (b'{"cells": [7]}', "cell 1 is neither"),
        (DEEP.encode(), "nested too deeply"),
        (json.dumps({"cells": [{}] * 1001}).encode(), "it has 1,001 cells; more than 1,000"),
        (b'{"cells": ' + b"9" * 5000 + b"}", "it holds no JSON"),
    ],
)
def test_what_is_no_notebook_is_refused_with_the_reason(content, reason):
    with pytest.raises(UnreadableError, match=reason):
        parse(content)


def test_a_file_too_large_to_read_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(UnreadableError, match="are not read"):
        parse(b" " * 101)


def test_what_a_text_hides_becomes_visible():
    assert visible("a\x1b[31mred\x1b[0m b") == "ared b"
    assert visible("if admin:\u202e # \u2066") == "if admin:\\u{202e} # \\u{2066}"
    assert visible("zero\u200bwidth \ud800 \x00") == "zero\\u{200b}width \\u{d800} \\u{0}"
    assert visible("one\n\ttwo ä 漢 😀") == "one\n\ttwo ä 漢 😀"


def test_a_long_text_keeps_its_beginning_and_end():
    text = shortened("begin" + "x" * 100_000 + "end")
    assert text.shown.startswith("begin")
    assert text.shown.endswith("end")
    assert len(text.shown) < MOST_SHOWN + 10
    assert text.left_out == 100_008 - MOST_SHOWN


def test_a_name_is_one_line():
    assert one_line("a\nb\tc") == "a\\nb\\tc"


def test_pieces_of_a_stream_are_one_output_and_other_streams_stand_apart():
    cell = notebook(
        code("1", printed("a"), printed("b"), printed("!", "stderr"), printed("c"))
    ).cells[0]
    texts = [(output.kind, output.texts[0].shown) for output in cell.outputs]
    assert texts == [("stdout", "ab"), ("stderr", "!"), ("stdout", "c")]


def test_of_many_outputs_the_first_are_shown_and_what_the_package_stored_is_kept():
    many = [shown(text_plain=str(n)) for n in range(200)]
    many[150] = shown({"number": "00.x", "value": 1.0}, text_plain="x")
    cell = notebook(code("1", *many)).cells[0]
    assert len(cell.outputs) == MOST_OUTPUTS + 1
    assert cell.outputs[-1].record["number"] == "00.x"
    assert cell.left_out == 200 - MOST_OUTPUTS - 1


def test_an_output_nested_deeply_is_still_read():
    inner = "x"
    for _ in range(300):
        inner = {"a": inner}
    output = {"output_type": "display_data", "data": {"application/json": inner}, "metadata": {}}
    (read,) = notebook(code("1", output)).cells[0].outputs
    assert read.texts[0].mime == "application/json"


def test_an_error_is_named_and_keeps_its_traceback():
    (read,) = notebook(code("1/0", failed("ZeroDivisionError", "by zero"))).cells[0].outputs
    assert read.texts[0].shown == "ZeroDivisionError: by zero"


def test_counts_tags_and_records_of_other_types_are_as_none():
    cell = code("x", {**shown(text_plain="x"), "metadata": {"course": [1]}}, count="7")
    cell["metadata"] = {"tags": "nbval-skip"}
    (read,) = notebook(cell).cells
    assert (read.count, read.tags, read.outputs[0].record) == (None, (), {})
    (read,) = notebook({"cell_type": "code", "source": ["a\n", "b"], "execution_count": True}).cells
    assert (read.source, read.count, read.id, read.outputs) == ("a\nb", None, "", ())


def deep(levels):
    value = "x"
    for _ in range(levels):
        value = [value]
    return value


STRANGE = {
    "a record nested deeply": code("1", shown({"exercise": "00.x", "outcome": deep(700)})),
    "half a character in a mime type": code("1", shown(**{"text_\ud800": "x"})),
    "half a character in a tag": code("1", tags=("\ud800",)),
    "half a character in a source": code("z = '\ud800'"),
    "a count of thousands of digits": code("1", count=-(10**4000)),
    "no source": code("1") | {"source": None},
    "a source of numbers": code("1") | {"source": [5]},
    "a value of thousands of digits": code("1", shown({"number": "00.x", "value": 10**4000})),
}


@pytest.mark.parametrize("cell", STRANGE.values(), ids=STRANGE)
def test_strange_cells_are_reviewed_with_others_in_processes_and_written(cell, tmp_path):
    for who in ("good", "strange"):
        content = stored(code("x = 1"), *([cell] if who == "strange" else []))
        write(tmp_path / who / "00_x.ipynb", content)
    arguments = [str(tmp_path / "good"), str(tmp_path / "strange"), "--rerun", "--jobs", "2"]
    report = tmp_path / "r.html"
    data = tmp_path / "r.json"
    assert main(["review", *arguments, "--html", str(report), "--json", str(data)]) == 0
    assert "strange" in report.read_text(encoding="utf-8")
    assert len(json.loads(data.read_text(encoding="utf-8"))["submissions"]) == 2


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
WORDS = st.sampled_from(["stream", "error", "display_data", "execute_result", "stdout", "x"])
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "exercise": st.just("00.x") | ANY,
        "outcome": st.sampled_from(["correct", "not yet"]) | ANY,
        "number": st.just("00.counting_loss") | ANY,
        "value": ANY,
        "failed": ANY,
        "answer": ANY,
        "version": ANY,
    },
)
OUTPUTS = st.fixed_dictionaries(
    {"output_type": WORDS | ANY},
    optional={
        "name": WORDS | ANY,
        "text": ANY,
        "data": st.dictionaries(st.sampled_from(["text/plain", "image/png", "text/html"]), ANY)
        | ANY,
        "metadata": st.fixed_dictionaries({"course": RECORDS}) | ANY,
        "ename": ANY,
        "evalue": ANY,
        "traceback": ANY,
    },
)
CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw"])},
    optional={
        "id": ANY,
        "source": st.sampled_from(["x = 1", "y = x\nz(", "%time x", "def f(:", "\ud800"]) | ANY,
        "metadata": ANY,
        "execution_count": st.integers(-2, 9) | ANY,
        "outputs": st.lists(OUTPUTS, max_size=4) | ANY,
    },
)


@given(st.lists(CELLS, max_size=6))
def test_whatever_cells_hold_a_review_and_its_page_come_of_it(cells):
    from course.review.curriculum import Curriculum
    from course.review.page import html
    from course.review.reviews import Reviewed
    from course.review.submissions import Submission

    base = stored(
        code("x = 1", id="a"), code("ex", shown({"exercise": "00.x", "answer": "?"}), id="b")
    )
    one = reviewed(json.dumps({"cells": cells}).encode(), base)
    assert one.readable
    page = html([Reviewed(Submission("a", "b"), (one,))], Curriculum((), {}), executed=False)
    page.encode()
