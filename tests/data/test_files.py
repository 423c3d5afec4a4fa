import json

import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import parquet

from intro_lm import data

TEXTS = [f"wörd {number}, “quoted”\u2028\x0c \u202e👩🏽\u200d🚀" for number in range(40)]
LABELS = [("ham", "spam")[number % 2] for number in range(40)]
ENDINGS = [".csv", ".jsonl", ".parquet"]


def every_text(corpus) -> list[str]:
    return sorted(text for part in corpus.values() for text in part["text"])


def write(path, texts=TEXTS, labels=LABELS, end="\n", mark=b"") -> None:
    if path.suffix == ".txt":
        content = end.join(texts)
    elif path.suffix == ".csv":
        quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
        rows = [f"{text},{label}" for text, label in zip(quoted, labels, strict=True)]
        content = end.join(["text,label", *rows]) + end
    elif path.suffix == ".jsonl":
        rows = zip(texts, labels, strict=True)
        content = end.join(json.dumps({"text": t, "label": lb}) for t, lb in rows) + end
    else:
        parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path)
        return
    path.write_bytes(mark + content.encode())


@pytest.mark.parametrize("ending", [".txt", *ENDINGS])
@pytest.mark.parametrize(("end", "mark"), [("\n", b""), ("\r\n", b"\xef\xbb\xbf")])
def test_a_file_of_your_own_is_read_whatever_its_line_ends_and_mark(tmp_path, ending, end, mark):
    path = tmp_path / f"words{ending}"
    write(path, end=end, mark=mark)
    assert every_text(data.load_file(path)) == sorted(TEXTS)
    if ending != ".txt":
        corpus = data.load_file(str(path), label="label")
        assert corpus["train"].features["label"].names == ["ham", "spam"]
        for row in corpus["test"]:
            assert row["label"] == TEXTS.index(row["text"]) % 2


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("anna\nzoé\n".encode("latin-1"), "'utf-8' codec can't decode byte 0xe9 in position 7"),
        ("anna\nbob".encode("utf-16-le"), "NUL bytes, as UTF-16"),
        (b"", "(0 texts|no column)"),
        (b"\xef\xbb\xbf\n\r\n  \n", "(0 texts|no column)"),
    ],
)
def test_bytes_that_hold_no_text_are_refused(tmp_path, ending, content, message):
    path = tmp_path / f"words{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"words{ending}.*{message}"):
        data.load_file(path)


def test_a_parquet_file_without_texts_is_refused(tmp_path):
    path = tmp_path / "words.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(ValueError, match=r"words\.parquet: .*Parquet magic bytes not found"):
        data.load_file(path)
    write(path, texts=[" "] * 40)
    with pytest.raises(ValueError, match="0 texts, too few"):
        data.load_file(path)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
def test_a_line_of_five_megabytes_is_a_text(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    write(path, texts=["x" * 5_000_000, *TEXTS[1:]])
    assert max(map(len, every_text(data.load_file(path)))) == 5_000_000


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    write(path)
    with pytest.raises(ValueError, match=r"no column 'review'; it has text, label"):
        data.load_file(path, text="review")
    with pytest.raises(ValueError, match=r"no column 'stars'; it has text, label"):
        data.load_file(path, label="stars")


@pytest.mark.parametrize("wrong", [None, ""])
def test_a_label_that_is_missing_is_refused_with_its_text(tmp_path, wrong):
    path = tmp_path / "words.jsonl"
    write(path, labels=[*LABELS[:30], wrong, *LABELS[31:]])
    with pytest.raises(ValueError, match=r"words.jsonl: the label of 'wörd 30, .* is None"):
        data.load_file(path, label="label")


def test_rows_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("text,label\nfine,a\nnot, fine,b\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match="row that begins in line 3 has 3 fields, and the header 2"
    ):
        data.load_file(path)
    path = tmp_path / "words.jsonl"
    for line in ("{oops", "[1]"):
        path.write_text('{"text": "fine"}\n' + line, encoding="utf-8")
        with pytest.raises(ValueError, match=r"line 2 is not a JSON object"):
            data.load_file(path)
    path.write_text('{"text": 7}\n', encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"words.jsonl: the column of texts is .*int64.*, not text"
    ):
        data.load_file(path)


def test_a_quote_that_is_not_closed_or_closed_too_late_swallows_no_rows(tmp_path):
    path = tmp_path / "words.csv"
    rows = [f"{label},a film, number {n}".replace(", n", " n") for n, label in enumerate(LABELS)]
    for late in ("pos,never closed", 'pos,closed here"', 'pos,closed" early'):
        content = ["label,text", *rows[:20], 'pos,"opened here', *rows[20:], late]
        path.write_text("\n".join(content), encoding="utf-8")
        with pytest.raises(
            ValueError, match=r"words.csv: the row that begins in line 22 has .*quo"
        ):
            data.load_file(path)
    poem = '"' + "\n".join(f"a line, or two, {n}" for n in range(30)) + '"'
    path.write_text("\n".join(["label,text", *rows, f"pos,{poem}"]), encoding="utf-8")
    assert sum(map(len, data.load_file(path).values())) == 41


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("w.csv", "label,text,text\na,b,c\n"),
        ("w.jsonl", '{"label": "a", "text": "b"}\n{"text": "b", "text": "c"}\n'),
    ],
)
def test_two_columns_of_one_name_are_refused_where_they_are_wanted(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="two columns 'text'"):
        data.load_file(path)
    with pytest.raises(ValueError, match="too few to split"):
        data.load_file(path, text="label")


def test_only_the_columns_asked_for_decide_whether_a_parquet_file_is_read(tmp_path):
    path = tmp_path / "words.PARQUET"
    odd = pyarrow.array([[("key", 1)]] * 40, pyarrow.map_(pyarrow.string(), pyarrow.int32()))
    parquet.write_table(pyarrow.table({"text": TEXTS, "odd": odd}), path)
    assert every_text(data.load_file(path)) == sorted(TEXTS)
    with pytest.raises(ValueError, match=r"words.PARQUET: .*map"):
        data.load_file(path, text="odd")


def test_classes_that_a_parquet_file_names_keep_their_names(tmp_path):
    path = tmp_path / "words.parquet"
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    rows = {"text": TEXTS, "label": [number % 2 for number in range(40)]}
    Dataset.from_dict(rows, features=features).to_parquet(path)
    corpus = data.load_file(path, label="label")
    assert corpus["train"].features["label"].names == ["neg", "pos"]


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"words.docx must end in one of .txt, .csv"):
        data.load_file(tmp_path / "words.docx")
    with pytest.raises(FileNotFoundError):
        data.load_file(tmp_path / "absent.txt")
    write(tmp_path / "words.txt")
    with pytest.raises(ValueError, match="no column 'label'; it has text"):
        data.load_file(tmp_path / "words.txt", label="label")
