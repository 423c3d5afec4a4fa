"""Reading notebooks that are broken, strange or hostile."""

import json

import pytest

from course.__main__ import main
from course.review import stored as module
from course.review.stored import MOST_OUTPUTS, UnreadableError, parse
from course.review.texts import MOST_SHOWN, one_line, shortened, visible
from tests.course.review.makers import code, failed, notebook, printed, shown, stored, text, write

DEEP = '{"cells": [{"cell_type": "code", "outputs": ' + "[" * 200_000 + "]" * 200_000 + "}]}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", "the file is empty"),
        (b"\xff\xfe\x00", "it holds no JSON"),
        (b'{"cells": [', r"it is cut off; it holds no JSON: .* line 1 column 12"),
        (b'{"cells": [\n<<<<<<< HEAD\n1\n=======', "marks of a merge conflict; it holds no JSON"),
        (b"[]", "it is JSON, but not a notebook with cells"),
        (b'{"worksheets": []}', "its format is older than 4; open and save it in JupyterLab"),
        (b'{"cells": {"0": 1}}', "not a notebook with cells"),
        (b'{"cells": []}', "it isn't a valid notebook"),
        (stored({"cell_type": "video"}), "it isn't a valid notebook"),
        (stored(7), "it isn't a valid notebook"),
        (DEEP.encode(), "nested too deeply"),
        (json.dumps({"cells": [{}] * 1001}).encode(), "it has more than 1,000 cells"),
        (b'{"cells": ' + b"9" * 5000 + b"}", "it holds no JSON"),
        (stored(code("x", count="7")), "it isn't a valid notebook: '7' is not of type 'integer'"),
        (stored(code("x") | {"source": None}), "it isn't a valid notebook: None is not valid"),
        (stored(code("x") | {"source": [5]}), "it isn't a valid notebook"),
        (stored(code("x") | {"outputs": [{"output_type": "x"}]}), "it isn't a valid notebook"),
    ],
)
def test_what_is_not_a_notebook_is_refused_with_the_reason(content, reason):
    with pytest.raises(UnreadableError, match=reason):
        parse(content)


def test_a_file_too_large_to_read_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(UnreadableError, match="it holds more than"):
        parse(b" " * 101)


def test_cells_without_ids_and_with_the_same_id_get_ids_of_their_own():
    cells = [code("1"), code("2"), code("3", id="same"), code("4", id="same")]
    del cells[0]["id"], cells[1]["id"]
    for minor in (4, 5):
        content = stored(*cells).replace(b'minor": 5', f'minor": {minor}'.encode())
        assert len({cell.id for cell in parse(content).cells}) == 4


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_ids_and_encodings_of_other_editors_are_read(encoding):
    cell = code("x = 'ä'") | {"metadata": {"id": "kept"}}
    del cell["id"]
    content = stored(cell).decode()
    mark = "" if encoding == "utf-8-sig" else "\ufeff"
    (read,) = parse((mark + content).encode(encoding)).cells
    assert (read.id, read.source) == ("kept", "x = 'ä'")


def test_what_a_text_hides_becomes_visible():
    assert visible("a\x1b[31mred\x1b[0m b") == "ared b"
    assert visible("if admin:\u202e # \u2066") == "if admin:\\u{202e} # \\u{2066}"
    assert visible("zero\u200bwidth \ud800 \x00") == "zero\\u{200b}width \\u{d800} \\u{0}"
    assert visible("one\n\ttwo ä 漢 😀") == "one\n\ttwo ä 漢 😀"
    assert one_line("a\nb\tc") == "a\\nb\\tc"


def test_a_long_text_keeps_its_beginning_and_end():
    text = shortened("begin" + "x" * 100_000 + "end")
    assert (text.shown[:5], text.shown[-3:]) == ("begin", "end")
    assert len(text.shown) < MOST_SHOWN + 10
    assert text.left_out == 100_008 - MOST_SHOWN


def test_pieces_of_a_stream_are_one_output_and_other_streams_stay_apart():
    pieces = printed("a"), printed("b"), printed("!", "stderr"), printed("c")
    outputs = notebook(code("1", *pieces)).cells[0].outputs
    texts = [(output.kind, output.texts[0].shown) for output in outputs]
    assert texts == [("stdout", "ab"), ("stderr", "!"), ("stdout", "c")]


def test_of_many_outputs_the_first_are_shown_and_what_the_package_stored_is_kept():
    many = [shown(text_plain=str(n)) for n in range(200)]
    many[150] = shown({"number": "00.x", "value": 1.0}, text_plain="x")
    cell = notebook(code("1", *many)).cells[0]
    assert len(cell.outputs) == MOST_OUTPUTS + 1
    assert cell.outputs[-1].metadata == {"number": "00.x", "value": 1.0}
    assert cell.left_out == 200 - MOST_OUTPUTS - 1


def test_an_error_is_named_and_keeps_its_traceback():
    (read,) = notebook(code("1/0", failed("ZeroDivisionError", "by zero"))).cells[0].outputs
    assert [text.shown for text in read.texts] == ["ZeroDivisionError: by zero", "by zero"]


def nested(levels):
    return [nested(levels - 1)] if levels else "x"


STRANGE = {
    "metadata of other types": code("1", shown({"exercise": [1], "failed": "x", "answer": 5})),
    "metadata nested deeply": code("1", shown({"exercise": "00.x", "outcome": nested(200)})),
    "metadata that is a list": code("1", {**shown(text_plain="x"), "metadata": {"course": [1]}}),
    "JSON in an output": code("1", shown(**{"application_json": {"a": nested(50)}})),
    "half a character everywhere": code(
        "z = '\ud800'", shown(**{"a_\ud800": "x"}), tags=("\ud800",)
    ),
    "a number of thousands of digits": code("1", shown({"number": "00.x", "value": 10**4000})),
    "a count of thousands of digits": code("1", count=10**4000),
    "unknown fields": code("1") | {"outputs_hidden": True},
    "outputs on Markdown": text("a") | {"outputs": 5, "execution_count": "x"},
    "thousands of magics": code("%time x\n" * 2_000),
    "a source that is no Python": code("def f(:", count=5),
    "not a notebook": {"cell_type": "code"},
}


def test_strange_notebooks_are_reviewed_with_others_and_written(tmp_path, capsys):
    for who, cell in STRANGE.items():
        write(tmp_path / who / "00_x.ipynb", stored(code("x = 1"), cell))
    folders = [str(tmp_path / who) for who in STRANGE]
    assert main(["review", *folders, "--html", str(tmp_path / "r.html")]) == 1
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert all(f">{who}</h2>" in page for who in STRANGE)
    said = capsys.readouterr()
    assert said.err == "not a notebook, 00_x.ipynb: it isn't a valid notebook (AttributeError)\n"
    assert said.out.count("unreadable  ") == 1
