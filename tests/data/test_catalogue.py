import hashlib
import socket
import time
from dataclasses import replace

import pytest

from intro_lm import data
from intro_lm.__main__ import main
from intro_lm.data import bundled, catalogue, downloads, files
from tools.serve_hub import FAULTS


def test_a_bundled_dataset_has_three_splits_of_distinct_texts():
    corpus = data.load("torch-docs")
    parts = [corpus[name]["text"][:] for name in ("train", "validation", "test")]
    texts = [text for part in parts for text in part]
    assert all(parts)
    assert len(texts) == len(set(texts))
    assert set(texts) == set(data.texts("torch-docs"))
    streams = data.load("torch-docs", streaming=True)
    assert [[row["text"] for row in rows] for rows in streams.values()] == parts


def test_the_docstrings_of_another_pytorch_are_not_taken_for_the_pinned_ones(monkeypatch):
    monkeypatch.setattr(bundled, "TORCH_DOCS_SHA256", "0" * 64)
    with pytest.raises(data.DatasetUnavailableError, match="install that release"):
        data.texts("torch-docs")


@pytest.fixture
def served(loopback, tmp_path, monkeypatch):
    """The server of a download of the catalogue, on the loopback, and where it is kept."""
    body = "\n".join(f"name{number}" for number in range(50)).encode()
    loopback.pages["/names.txt"] = body
    entry = catalogue.CATALOGUE["makemore-names"]
    url, sha256 = f"{loopback.address}/names.txt", hashlib.sha256(body).hexdigest()
    here = replace(entry, origin=replace(entry.origin, address=url, size=len(body), sha256=sha256))
    monkeypatch.setitem(catalogue.CATALOGUE, "makemore-names", here)
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path))
    return loopback, tmp_path / "makemore-names.txt"


def is_here(name: str) -> str:
    return {row["name"]: row["here"] for row in data.describe()}[name]


def test_a_download_is_fetched_once_and_then_read_from_the_cache(served):
    server, path = served
    assert (is_here("names"), is_here("makemore-names")) == ("yes", "no")
    assert data.available("makemore-names")
    assert len(data.texts("makemore-names")) == 50
    whole = server.pages.pop("/names.txt")
    assert path.read_bytes() == whole
    assert is_here("makemore-names") == "yes"
    assert data.available("makemore-names")
    assert data.running_text("makemore-names").encode() == whole


def test_a_damaged_cached_file_is_fetched_again_and_never_read(served):
    server, path = served
    data.load("makemore-names")
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-1] + b"!", b""):
        path.write_bytes(damaged)
        assert len(data.texts("makemore-names")) == 50
        assert path.read_bytes() == whole
    server.pages.clear()
    path.write_text("another list")
    with pytest.raises(data.DatasetUnavailableError, match=r"put it .SHA-256 "):
        data.load("makemore-names")
    assert path.read_text() == "another list"


@pytest.mark.parametrize("fault", [404, 429, 500, *FAULTS, "endless"])
def test_a_fault_of_the_network_gives_one_clear_error_and_leaves_nothing(
    served, fault, monkeypatch
):
    monkeypatch.setattr(downloads, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(downloads, "PATIENCE", 1)
    server, path = served
    server.faults["/names.txt"] = fault
    with pytest.raises(data.DatasetUnavailableError, match=r"'makemore-names'.*'names' and"):
        data.load("makemore-names")
    assert list(path.parent.iterdir()) == []


def test_a_cache_that_cannot_be_written_gives_one_clear_error(served, tmp_path, monkeypatch):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path / "a-file" / "below"))
    with pytest.raises(data.DatasetUnavailableError, match="INTRO_LM_CACHE moves the folder"):
        data.load("makemore-names")


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up_in_seconds(served, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entry = catalogue.CATALOGUE["makemore-names"]
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/names.txt"
        slow = replace(entry, origin=replace(entry.origin, address=url))
        monkeypatch.setitem(catalogue.CATALOGUE, "makemore-names", slow)
        start = time.monotonic()
        assert not data.available("makemore-names")
        with pytest.raises(data.DatasetUnavailableError, match=r"no answer within|Timeout"):
            data.load("makemore-names")
        assert time.monotonic() - start < 60


def test_name_origins_are_listed_once_and_labelled_by_their_language():
    corpus = data.load("name-origins")
    languages = data.class_names(corpus["train"])
    assert len(languages) == bundled.LANGUAGES == 14
    assert not set(languages) & bundled.COUNTRIES
    labelled = {
        text: languages[label]
        for part in corpus.values()
        for text, label in zip(part["text"][:], part["label"][:], strict=True)
    }
    assert labelled["esposito"] == "Italian"
    assert len(labelled) == len(data.texts("name-origins")) == 23_027


def test_speeches_are_separated_by_blank_lines(tmp_path):
    path = tmp_path / "play.txt"
    path.write_bytes(b"First Citizen:\r\nSpeak.\r\n\r\nAll:\r\nSpeak!\r\n\r\n\r\n\r\nNo.")
    assert files.speeches(path) == ["First Citizen:\nSpeak.", "All:\nSpeak!", "No."]


def test_the_command_line_fetches(served, capsys):
    server, path = served
    assert main(["data", "fetch", "makemore-names"]) == 0
    server.pages.clear()
    path.unlink()
    assert main(["data", "fetch", "makemore-names"]) == 1
    assert "'name-origins' need no download" in capsys.readouterr().err
