import hashlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from intro_lm import data
from intro_lm.__main__ import main
from intro_lm.data import bundled, catalogue, downloads
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


def test_unknown_dataset_is_refused_with_the_known_ones():
    with pytest.raises(KeyError, match=r"no dataset 'nmaes'.*names, name-origins"):
        data.load("nmaes")


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


def test_a_running_text_is_the_whole_file_or_the_texts_in_their_order(served):
    server, _ = served
    assert data.running_text("makemore-names").encode() == server.pages["/names.txt"]
    assert (
        data.running_text("python-reference").split("\n\n")[0] in data.texts("python-reference")[0]
    )


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


def test_name_origins_are_listed_once_and_labelled_by_their_language():
    corpus = data.load("name-origins")
    names = corpus["train"].features["label"].names
    assert len(names) == bundled.LANGUAGES == 14
    assert all(language in bundled.name_origins.__doc__.replace("\n", " ") for language in names)
    assert not set(names) & bundled.COUNTRIES
    labelled = {row["text"]: names[row["label"]] for part in corpus.values() for row in part}
    assert labelled["esposito"] == "Italian"
    assert (
        sum(len(part) for part in corpus.values())
        == len(labelled)
        == len(data.texts("name-origins"))
    )
    assert f"{len(labelled):,}" in catalogue.CATALOGUE["name-origins"].size


def test_speeches_are_set_apart_by_blank_lines(tmp_path):
    path = tmp_path / "play.txt"
    path.write_bytes(b"First Citizen:\r\nSpeak.\r\n\r\nAll:\r\nSpeak!\r\n\r\n\r\n\r\nNo.")
    assert catalogue.speeches(path) == ["First Citizen:\nSpeak.", "All:\nSpeak!", "No."]


def test_articles_begin_with_their_title():
    lines = [
        "\n",
        " = A = \n",
        "\n",
        " one = 1 \n",
        " = = Part = = \n",
        "\n",
        " = B = \n",
        " two \n",
    ]
    assert list(catalogue.articles(lines)) == [
        " = A = \n\n one = 1 \n = = Part = = \n\n",
        " = B = \n two \n",
    ]


def test_every_dataset_names_a_bundled_one_that_serves_instead():
    for name, entry in catalogue.CATALOGUE.items():
        other = catalogue.CATALOGUE[entry.instead]
        assert other.download is None
        assert other.repository is None, name


def test_the_command_line_lists_fetches_and_shows(served, capsys):
    server, _ = served
    assert main(["data", "list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in catalogue.CATALOGUE)
    assert main(["data", "fetch", "makemore-names"]) == 0
    assert main(["data", "show", "name-origins"]) == 0
    shown = capsys.readouterr().out
    for word in (
        "train",
        "validation",
        "test",
        "26 characters",
        "14 classes",
        "example [",
        "median",
    ):
        assert word in shown
    assert main(["data", "show", "nmaes"]) == 1
    assert "it has names" in capsys.readouterr().err
    server.pages.clear()
    downloads.cache_folder().joinpath("makemore-names.txt").unlink()
    assert main(["data", "fetch", "makemore-names"]) == 1
    assert "'names' needs no download" in capsys.readouterr().err
