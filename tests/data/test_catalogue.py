import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from intro_lm import data
from intro_lm.data import catalogue, downloads
from tools.serve_hub import FAULTS


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


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
    with pytest.raises(KeyError, match=r"no dataset 'nmaes'.*names, name-origins"):
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
    assert downloads.cache_folder() == tmp_path / "texts"


@pytest.fixture
def served(loopback, tmp_path, monkeypatch):
    """The catalogue's download, served from the loopback; gives the server and the cached path."""
    body = "\n".join(f"name{number}" for number in range(50)).encode()
    loopback.pages["/names.txt"] = body
    download = replace(
        catalogue.CATALOGUE["makemore-names"].download,
        url=f"{loopback.address}/names.txt",
        sha256=hashlib.sha256(body).hexdigest(),
    )
    entry = replace(catalogue.CATALOGUE["makemore-names"], download=download)
    monkeypatch.setitem(catalogue.CATALOGUE, "makemore-names", entry)
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path))
    return loopback, tmp_path / "makemore-names.txt"


def test_a_download_is_fetched_once_and_then_read_from_the_cache(served):
    server, path = served
    assert data.available("makemore-names")
    assert len(data.texts("makemore-names")) == 50
    assert path.is_file()
    server.pages.clear()
    assert data.available("makemore-names")
    assert len(data.texts("makemore-names")) == 50


def test_a_wrong_file_in_the_cache_is_named_when_the_right_one_cannot_be_had(served):
    server, path = served
    server.pages.clear()
    path.write_text("another list")
    with pytest.raises(data.DatasetUnavailableError, match="its SHA-256 differs"):
        data.load("makemore-names")
    assert path.read_text() == "another list"


@pytest.mark.parametrize("fault", [404, 500, *FAULTS])
def test_a_fault_of_the_network_gives_one_clear_error_and_leaves_nothing(
    served, fault, monkeypatch
):
    monkeypatch.setattr(downloads, "PROBE_SECONDS", 0.3)
    server, path = served
    server.faults["/names.txt"] = fault
    with pytest.raises(data.DatasetUnavailableError, match=r"'makemore-names'.*'names' needs no"):
        data.load("makemore-names")
    assert list(path.parent.iterdir()) == []
    server.faults.clear()
    assert len(data.texts("makemore-names")) == 50


def test_a_damaged_cached_file_is_fetched_again(served):
    _, path = served
    data.load("makemore-names")
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-1] + b"!", b""):
        path.write_bytes(damaged)
        assert len(data.texts("makemore-names")) == 50
        assert path.read_bytes() == whole


@pytest.mark.parametrize("folder", ["a-file/below", "/proc/self/intro_lm"])
def test_a_cache_that_cannot_be_written_gives_one_clear_error(
    served, folder, tmp_path, monkeypatch
):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path / folder))
    with pytest.raises(data.DatasetUnavailableError, match="INTRO_LM_CACHE names another folder"):
        data.load("makemore-names")


FETCH = """
import sys, resource
from dataclasses import replace
from intro_lm import data
from intro_lm.data import catalogue
url, sha256, limit = sys.argv[1:]
entry = catalogue.CATALOGUE["makemore-names"]
download = replace(entry.download, url=url, sha256=sha256)
catalogue.CATALOGUE["makemore-names"] = replace(entry, download=download)
if limit != "none":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    print(len(data.texts("makemore-names")))
except data.DatasetUnavailableError as error:
    print(error)
"""


def start_fetch(limit: str = "none") -> subprocess.Popen[str]:
    download = catalogue.CATALOGUE["makemore-names"].download
    arguments = [sys.executable, "-c", FETCH, download.url, download.sha256, limit]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_full_disk_gives_one_clear_error_and_leaves_nothing(served):
    pytest.importorskip("resource")
    _, path = served
    out, _ = start_fetch(limit="100").communicate()
    assert "'makemore-names' could not be fetched" in out
    assert not path.exists()
    assert len(data.texts("makemore-names")) == 50


def test_two_processes_may_fetch_the_same_file_at_once(served):
    _, path = served
    fetches = [start_fetch(), start_fetch()]
    assert [fetch.communicate()[0] for fetch in fetches] == ["50\n", "50\n"]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_process_killed_in_the_middle_of_a_fetch_leaves_nothing_that_is_trusted(served):
    server, path = served
    server.faults["/names.txt"] = "stall"
    fetch = start_fetch()
    until(lambda: "GET /names.txt" in server.asked)
    time.sleep(0.2)
    fetch.kill()
    fetch.communicate()
    assert not path.exists()
    server.faults.clear()
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
