import hashlib
import socket
import time
from dataclasses import replace

import pytest

from intro_lm import data
from intro_lm.data import catalogue


@pytest.mark.parametrize("name", ["names", "python-reference"])
def test_bundled_dataset_has_three_splits_of_distinct_texts(name):
    corpus = data.load(name)
    splits = {split: corpus[split]["text"] for split in ("train", "validation", "test")}
    texts = [text for split in splits.values() for text in split]
    assert all(splits.values())
    assert len(texts) == len(set(texts))
    assert set(texts) == set(data.texts(name))


def test_split_is_the_same_every_time_and_leaves_its_argument_alone():
    texts = [f"text {number}" for number in range(100)]
    first, second = data.split(texts), data.split(texts)
    assert first["train"]["text"] == second["train"]["text"]
    assert texts == [f"text {number}" for number in range(100)]
    assert [len(first[name]) for name in ("train", "validation", "test")] == [80, 10, 10]
    assert first["train"]["text"] != texts[:80]


def test_a_repeated_text_stands_in_one_split_unless_repeats_are_kept():
    texts = ["anna", "bob"] * 50 + [f"text {number}" for number in range(20)]
    corpus = data.split(texts)
    assert sum(len(part) for part in corpus.values()) == 22
    kept = data.split(texts, keep_repeats=True)
    assert sum(len(part) for part in kept.values()) == 120


def test_unknown_dataset_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match=r"no dataset 'nmaes'.*names, python-reference"):
        data.load("nmaes")


@pytest.mark.parametrize(("texts", "message"), [([], "corpus is empty"), (["a", "b"], "too few")])
def test_a_corpus_too_small_to_split_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        data.split(texts)


def test_a_file_of_ones_own_is_read_line_by_line(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([f"wörd{n}" for n in range(20)]).encode())
    corpus = data.load_file(path)
    texts = [text for part in corpus.values() for text in part["text"]]
    assert sorted(texts) == sorted(f"wörd{n}" for n in range(20))


@pytest.mark.parametrize(("mark", "position"), [(b"", 7), (b"\xef\xbb\xbf", 10)])
def test_a_file_that_is_not_utf8_is_refused_with_byte_and_position(tmp_path, mark, position):
    path = tmp_path / "latin1.txt"
    path.write_bytes(mark + "anna\nzoé\n".encode("latin-1"))
    with pytest.raises(
        ValueError, match=f"latin1.txt is not UTF-8: byte 0xe9 at position {position};"
    ):
        data.load_file(path)


def test_only_line_ends_end_a_text(tmp_path):
    path = tmp_path / "words.txt"
    lines = [f"one\u2028line\x0c{n}" for n in range(20)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert sorted(t for part in data.load_file(path).values() for t in part["text"]) == sorted(
        lines
    )


def test_the_cache_may_be_named_from_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("INTRO_LM_CACHE", "~/texts")
    assert catalogue.cache_folder() == tmp_path / "texts"


@pytest.fixture
def served(loopback, tmp_path, monkeypatch):
    """The catalogue's download, served from the loopback; gives its pages and the cached path."""
    address, pages = loopback
    body = "\n".join(f"name{number}" for number in range(50)).encode()
    pages["/names.txt"] = (200, body)
    download = replace(
        catalogue.CATALOGUE["makemore-names"].download,
        url=f"{address}/names.txt",
        sha256=hashlib.sha256(body).hexdigest(),
    )
    entry = replace(catalogue.CATALOGUE["makemore-names"], download=download)
    monkeypatch.setitem(catalogue.CATALOGUE, "makemore-names", entry)
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path))
    return pages, tmp_path / "makemore-names.txt"


def test_a_download_is_fetched_once_and_then_read_from_the_cache(served):
    pages, path = served
    assert data.available("makemore-names")
    assert len(data.texts("makemore-names")) == 50
    assert path.is_file()
    pages.clear()
    assert data.available("makemore-names")
    assert len(data.texts("makemore-names")) == 50


def test_a_wrong_file_in_the_cache_is_named_when_the_right_one_cannot_be_had(served):
    pages, path = served
    pages.clear()
    path.write_text("another list")
    with pytest.raises(data.DatasetUnavailableError, match="its SHA-256 differs"):
        data.load("makemore-names")
    assert path.read_text() == "another list"


@pytest.mark.parametrize("answer", [(404, b""), (500, b"broken"), (200, b"the wrong bytes")])
def test_a_bad_answer_gives_one_clear_error_and_leaves_nothing(served, answer):
    pages, path = served
    pages["/names.txt"] = answer
    with pytest.raises(data.DatasetUnavailableError, match=r"'makemore-names'.*'names' needs no"):
        data.load("makemore-names")
    assert not path.exists()


def test_a_damaged_cached_file_is_fetched_again(served):
    _, path = served
    data.load("makemore-names")
    path.write_bytes(path.read_bytes()[:100])
    assert len(data.texts("makemore-names")) == 50


def test_a_server_that_never_answers_costs_less_than_five_seconds(served, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = catalogue.CATALOGUE["makemore-names"]
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/names.txt"
        slow = replace(entry, download=replace(entry.download, url=url))
        monkeypatch.setitem(catalogue.CATALOGUE, "makemore-names", slow)
        start = time.monotonic()
        assert not data.available("makemore-names")
        assert time.monotonic() - start < 4
        start = time.monotonic()
        with pytest.raises(
            data.DatasetUnavailableError, match=r"no answer within 3 seconds|Timeout"
        ):
            data.load("makemore-names")
        assert time.monotonic() - start < 5


def test_describe_lists_every_dataset_and_whether_it_is_here(served):
    rows = {row["name"]: row for row in data.describe()}
    assert rows["names"]["here"] == "yes"
    assert rows["makemore-names"]["here"] == "no"
    data.load("makemore-names")
    assert {row["name"]: row for row in data.describe()}["makemore-names"]["here"] == "yes"
