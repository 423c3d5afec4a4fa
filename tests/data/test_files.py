import json

import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import parquet

from intro_lm import data

TEXTS = [f"wörd {number}, “quoted”" for number in range(40)]
LABELS = [("ham", "spam")[number % 2] for number in range(40)]


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


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_of_ones_own_is_read_whatever_its_line_ends_and_mark(tmp_path, ending, end, mark):
    path = tmp_path / f"words{ending}"
    write(path, end=end, mark=mark)
    assert every_text(data.load_file(path)) == sorted(TEXTS)
    if ending != ".txt":
        corpus = data.load_file(str(path), label="label")
        assert corpus["train"].features["label"].names == ["ham", "spam"]
        for row in corpus["test"]:
            assert row["label"] == TEXTS.index(row["text"]) % 2


@pytest.mark.parametrize(("mark", "position"), [(b"", 7), (b"\xef\xbb\xbf", 10)])
@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
def test_a_file_that_is_not_utf8_is_refused_with_byte_and_position(
    tmp_path, mark, position, ending
):
    path = tmp_path / f"latin1{ending}"
    path.write_bytes(mark + "anna\nzoé\n".encode("latin-1"))
    with pytest.raises(
        ValueError, match=f"latin1{ending} is not UTF-8: byte 0xe9 at position {position};"
    ):
        data.load_file(path)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
def test_a_file_with_nul_bytes_is_refused(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    path.write_bytes("anna\nbob".encode("utf-16-le"))
    with pytest.raises(ValueError, match="byte 0x00 at position 1, as in UTF-16"):
        data.load_file(path)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf"])
def test_a_file_without_any_text_is_refused(tmp_path, ending, content):
    path = tmp_path / f"words{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"words{ending}.*(corpus is empty|no column)"):
        data.load_file(path)


def test_an_empty_parquet_file_is_refused(tmp_path):
    path = tmp_path / "words.parquet"
    for content in (b"", b"PAR1 and then nothing", b"\0" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"words\.parquet is not a whole Parquet file"):
            data.load_file(path)
    write(path, texts=[" "] * 40)
    with pytest.raises(ValueError, match="corpus is empty"):
        data.load_file(path)


def test_only_line_ends_end_a_text(tmp_path):
    path = tmp_path / "words.txt"
    lines = [f"one\u2028line\x0c{n}" for n in range(20)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert every_text(data.load_file(path)) == sorted(lines)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl", ".parquet"])
def test_every_script_mark_and_emoji_survives(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    texts = [f"{n} Ольга 愛 अनु e\u0301 \u202eعمر 👩🏽\u200d🚀 \ue000" for n in range(40)]
    write(path, texts=texts)
    assert every_text(data.load_file(path)) == sorted(texts)


@pytest.mark.parametrize("ending", [".txt", ".csv", ".jsonl"])
def test_a_line_of_fifty_megabytes_is_a_text(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    texts = ["x" * 50_000_000, *TEXTS[1:]]
    write(path, texts=texts)
    corpus = data.load_file(path)
    assert max(len(text) for part in corpus.values() for text in part["text"]) == 50_000_000
    assert sum(len(part) for part in corpus.values()) == 40


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    write(path)
    with pytest.raises(ValueError, match=r"no column 'review'; it has text, label"):
        data.load_file(path, text="review")
    with pytest.raises(ValueError, match=r"no column 'stars'; it has text, label"):
        data.load_file(path, label="stars")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_labels_that_are_missing_are_refused(tmp_path, ending):
    path = tmp_path / f"words{ending}"
    write(path, labels=[*LABELS[:-1], "" if ending == ".csv" else None])
    with pytest.raises(ValueError, match=f"words{ending}: text 39 has no label"):
        data.load_file(path, label="label")


def test_labels_of_mixed_type_and_absent_classes_are_refused(tmp_path):
    path = tmp_path / "words.jsonl"
    write(path, labels=[*LABELS[:-1], 1])
    with pytest.raises(ValueError, match="label of text 39 is 1"):
        data.load_file(path, label="label")
    write(path, labels=[str(n) for n in range(40)])
    with pytest.raises(ValueError, match="and not in train; give more examples"):
        data.load_file(path, label="label")


@pytest.mark.parametrize(("wrong", "message"), [(None, "text 30 has no"), (1, "text 30 is 1 and")])
def test_a_label_is_named_by_its_row_in_the_file_whatever_is_left_out(tmp_path, wrong, message):
    path = tmp_path / "words.jsonl"
    labels = [None, *LABELS[1:30], wrong, *LABELS[31:]]
    write(path, texts=[" ", *TEXTS[1:]], labels=labels)
    with pytest.raises(ValueError, match=f"words.jsonl: .*{message}"):
        data.load_file(path, label="label")


def test_a_text_with_two_labels_is_refused_and_repeats_are_said(tmp_path, capsys):
    path = tmp_path / "words.csv"
    write(path, texts=[*TEXTS, TEXTS[3]], labels=[*LABELS, LABELS[3]])
    assert sum(map(len, data.load_file(path, label="label").values())) == 40
    assert "1 of 41 rows repeat a text and are left out" in capsys.readouterr().out
    write(path, texts=[*TEXTS, TEXTS[3]], labels=[*LABELS, "ham"])
    with pytest.raises(ValueError, match=r"words.csv: the text 'wörd 3, .* 'spam' and 'ham'"):
        data.load_file(path, label="label")


def test_a_label_beyond_the_classes_of_a_parquet_file_is_refused_with_its_row(tmp_path):
    path = tmp_path / "words.parquet"
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    table = pyarrow.table({"text": TEXTS, "label": [*[0, 1] * 19, 7, 0]})
    parquet.write_table(table.replace_schema_metadata(features.arrow_schema.metadata), path)
    message = r"words.parquet: the label of row 38 is 7; with 2 classes .* between 0 and 1; "
    with pytest.raises(ValueError, match=message):
        data.load_file(path, label="label")


def test_three_rows_in_all_are_too_few(tmp_path):
    path = tmp_path / "words.csv"
    write(path, texts=TEXTS[:3], labels=LABELS[:3])
    with pytest.raises(ValueError, match=r"words\.csv: 3 texts are too few to split"):
        data.load_file(path)


def test_rows_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("text,label\nfine,a\nnot, fine,b\n", encoding="utf-8")
    with pytest.raises(ValueError, match="row 1 has 3 fields and the header 2"):
        data.load_file(path)
    path = tmp_path / "words.jsonl"
    for line, message in (("{oops", "line 2 is not JSON"), ("[1]", "and not an object")):
        path.write_text('{"text": "fine"}\n' + line, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            data.load_file(path)
    path.write_text('{"text": 7}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="the text of row 0 is 7, which is no string"):
        data.load_file(path)


def test_classes_that_a_parquet_file_names_keep_their_names(tmp_path):
    path = tmp_path / "words.parquet"
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    rows = {"text": TEXTS, "label": [number % 2 for number in range(40)]}
    Dataset.from_dict(rows, features=features).to_parquet(path)
    corpus = data.load_file(path, label="label")
    assert corpus["train"].features["label"].names == ["neg", "pos"]


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in '.docx'; files may end in .txt, .csv"):
        data.load_file(tmp_path / "words.docx")
    with pytest.raises(FileNotFoundError):
        data.load_file(tmp_path / "absent.txt")
    write(tmp_path / "words.txt")
    with pytest.raises(ValueError, match="one text a line and no column"):
        data.load_file(tmp_path / "words.txt", label="label")
