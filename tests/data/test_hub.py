"""Datasets of the Hub through its genuine client, against a server on the loopback.

The client reads HF_ENDPOINT when it is imported, so it runs in processes of its own. One process
serves many cases: importing it takes longer than most of them.
"""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tests.data.test_catalogue import until
from tools.serve_hub import FAULTS, HubServer, serving

ROWS = 60
PRELUDE = """
import json, sys, time
from intro_lm import data
from intro_lm.data import hub_client

def attempt(path, **options):
    start = time.monotonic()
    try:
        corpus = data.load_hub(path, **options)
        found = {"rows": {name: len(rows) for name, rows in corpus.items()},
                 "texts": [text for rows in corpus.values() for text in rows["text"]]}
    except (OSError, ValueError) as error:
        found = {"error": type(error).__name__, "message": str(error)}
    return {**found, "seconds": time.monotonic() - start}
"""


def rows(name: str, count: int = ROWS) -> bytes:
    table = pyarrow.table(
        {
            "text": [f"{name}: text number {number} of this dataset" for number in range(count)],
            "label": [number % 2 for number in range(count)],
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with serving() as server:
        yield server


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def start(server: HubServer, home: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "HF_ENDPOINT": server.address,
            "HF_HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **environment,
        },
    )


def result(process: subprocess.Popen[str]):
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err[-2000:]
    return json.loads(out.splitlines()[-1])


def run(server: HubServer, home: Path, code: str, **environment: str):
    return result(start(server, home, code, **environment))


@pytest.fixture(scope="module")
def faulty(server, tmp_path_factory):
    """What each fault led to, and what came when it was over; all from the same cache."""
    home = tmp_path_factory.mktemp("home")
    faults = {str(fault): fault for fault in (404, 500, *FAULTS)}
    for name, fault in faults.items():
        server.repositories[f"faults/{name}"] = {"train.parquet": rows(name)}
        server.faults[f"faults/{name}/resolve train.parquet"] = fault
    code = f"""
hub_client.STALL_SECONDS = 0.3
print(json.dumps({{name: attempt("faults/" + name) for name in {list(faults)}}}))
"""
    during = run(server, home, code)
    server.faults.clear()
    return during, run(server, home, code)


@pytest.mark.parametrize("fault", [str(fault) for fault in (404, 500, *FAULTS)])
def test_a_fault_ends_soon_in_one_clear_error_and_leaves_nothing_that_is_trusted(faulty, fault):
    during, after = (part[fault] for part in faulty)
    assert during["error"] == "DatasetUnavailableError", during
    for word in (
        f"'faults/{fault}'",
        "http://127.0.0.1",
        "HF_ENDPOINT",
        "HF_HOME",
        "'names' needs",
    ):
        assert word in during["message"]
    assert "\n" not in during["message"]
    assert during["seconds"] < 30
    assert after["rows"] == {"train": 48, "validation": 6, "test": 6}
    assert sorted(after["texts"]) == sorted(
        f"{fault}: text number {number} of this dataset" for number in range(ROWS)
    )


NO_NETWORK = """
from intro_lm.data import catalogue
start = time.monotonic()
there = data.available("rotten-tomatoes")
asked = time.monotonic() - start
start = time.monotonic()
try:
    data.load("rotten-tomatoes", streaming=STREAMING)
except data.DatasetUnavailableError as error:
    print(json.dumps([there, asked, time.monotonic() - start, str(error)]))
"""


@pytest.mark.parametrize("network", ["refused", "silent", "offline", "unknown host"])
def test_no_network_costs_less_than_five_seconds(server, home, network):
    environment = {}
    if network == "silent":
        server.faults["rotten_tomatoes"] = "silent"
    if network == "refused":
        environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    if network == "unknown host":
        environment["HF_ENDPOINT"] = "http://no-such-host.invalid"
    if network == "offline":
        environment["HF_HUB_OFFLINE"] = "1"
    code = NO_NETWORK.replace("STREAMING", str(network == "refused"))
    there, asked, seconds, message = run(server, home, code, **environment)
    server.faults.clear()
    assert not there
    assert asked < 4
    assert seconds < 5
    for word in ("'rotten-tomatoes'", "rotten_tomatoes", "HF_HUB_OFFLINE", "'name-origins' needs"):
        assert word in message


def test_what_was_fetched_is_read_again_without_network_and_never_when_damaged(server, home):
    server.repositories["some/kept"] = {"train.parquet": rows("kept")}
    code = 'print(json.dumps(attempt("some/kept", label="label")))'
    first = run(server, home, code)
    assert first["rows"]["train"] == 48
    asked = len(server.asked)
    for environment in ({}, {"HF_HUB_OFFLINE": "1"}):
        assert run(server, home, code, **environment)["texts"] == first["texts"]
    assert len(server.asked) == asked
    (arrow,) = home.rglob("*.arrow")
    whole = arrow.read_bytes()
    changed = whole.replace(b"number 7 of", b"number X of")
    assert changed != whole
    for damaged in (changed, whole[:-2000], b""):
        (arrow,) = home.rglob("*.arrow")
        arrow.write_bytes(damaged)
        again = run(server, home, code)
        assert again.get("texts") == first["texts"], again
    next(home.rglob("*.arrow")).write_bytes(changed)
    for blob in home.glob("hub/*/blobs/*"):
        blob.write_bytes(b"no parquet")
    lost = run(server, home, code, HF_ENDPOINT="http://127.0.0.1:9")
    assert lost["error"] == "DatasetUnavailableError"
    assert run(server, home, code)["texts"] == first["texts"]


def test_two_processes_may_fetch_the_same_dataset_at_once(server, home):
    server.repositories["some/shared"] = {"train.parquet": rows("shared")}
    code = 'print(json.dumps(attempt("some/shared")))'
    both = [start(server, home, code) for _ in range(2)]
    texts = [result(process)["texts"] for process in both]
    assert texts[0] == texts[1]
    assert len(texts[0]) == ROWS


def test_a_process_killed_in_the_middle_of_a_fetch_leaves_nothing_that_is_trusted(server, home):
    server.repositories["some/killed"] = {"train.parquet": rows("killed")}
    server.faults["killed/resolve train.parquet"] = "stall"
    code = 'print(json.dumps(attempt("some/killed")))'
    process = start(server, home, code)
    until(lambda: any("GET" in line and "killed/resolve" in line for line in server.asked))
    time.sleep(0.2)
    process.kill()
    process.communicate()
    server.faults.clear()
    assert len(run(server, home, code)["texts"]) == ROWS


def test_a_cache_that_is_full_or_cannot_be_written_gives_one_clear_error(server, home):
    server.repositories["some/large"] = {"train.parquet": rows("large")}
    resource = pytest.importorskip("resource")
    code = 'print(json.dumps(attempt("some/large")))'
    full = f"import resource; resource.setrlimit({resource.RLIMIT_FSIZE}, (1000, 1000))\n"
    found = run(server, home, full + code)
    assert found["error"] == "DatasetUnavailableError"
    assert "the disk" in found["message"]
    assert len(run(server, home, code)["texts"]) == ROWS
    home.with_name("file").touch()
    for folder in (home.with_name("file"), Path("/proc/self/home")):
        found = run(server, folder, code)
        assert found["error"] == "DatasetUnavailableError", found
        assert "HF_HOME" in found["message"]


STREAM = """
from itertools import islice
hub_client.STALL_SECONDS = 0.3
streams = data.load_hub("some/stream", streaming=True)
texts = {name: [row["text"] for row in rows] for name, rows in streams.items()}
own = data.load("names", streaming=True)
texts["names"] = [row["text"] for row in islice(own["train"], 3)]
print(json.dumps(texts))
"""


def test_a_stream_has_three_splits_and_keeps_copies_of_a_text_together(server, home):
    server.repositories["some/stream"] = {
        "a.jsonl": b"".join(b'{"text": "text %d", "other": 1}\n' % (n % 200) for n in range(400))
    }
    texts = run(server, home, STREAM)
    sets = [set(texts[name]) for name in ("train", "validation", "test")]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 200
    assert all(sets)
    assert len(texts["names"]) == 3
    assert not list(home.rglob("*.arrow"))


def test_a_stream_that_breaks_off_ends_in_an_error_and_not_in_a_minute_of_retries(server, home):
    server.repositories["some/broken"] = {"train.parquet": rows("broken")}
    server.faults["broken/resolve train.parquet"] = "stall"
    code = """
hub_client.STALL_SECONDS = 0.3
start = time.monotonic()
try:
    for row in data.load_hub("some/broken", streaming=True)["train"]: pass
except OSError as error:
    print(json.dumps([str(error), time.monotonic() - start]))
"""
    message, seconds = run(server, home, code)
    server.faults.clear()
    assert message
    assert seconds < 30


def test_columns_labels_and_splits_of_the_source_become_ours(server, home):
    lines = [
        {"body": f"mail {n}", "kind": ("ham", "spam")[n % 2], "number": n, "flag": n % 2}
        for n in range(60)
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    server.repositories["some/mail"] = {
        "train.jsonl": body.encode(),
        "test.jsonl": body[: body.index("\n") * 10].rpartition("\n")[0].encode(),
    }
    code = """
found = {}
corpus = data.load_hub("some/mail", text="body", label="kind")
found["columns"] = corpus.column_names
found["names"] = corpus["train"].features["label"].names
found["sizes"] = {name: len(rows) for name, rows in corpus.items()}
found["right"] = all((int(row["text"][5:]) % 2) == row["label"] for row in corpus["train"])
found["no column"] = attempt("some/mail")
found["no text"] = attempt("some/mail", text="number")
found["no labels"] = attempt("some/mail", text="body", label="colour")
found["unknown"] = attempt("some/absent")
found["no path"] = attempt("absent")
from intro_lm.data.hub import load_repository
classes = ("good", "bad")
repository = hub_client.Repository("some/mail", text="body", label="flag", classes=classes)
found["classes"] = load_repository(repository, "mail", "names")["test"].features["label"].names
print(json.dumps(found))
"""
    found = run(server, home, code)
    assert set(found["columns"]) == {"train", "validation", "test"}
    assert found["columns"]["train"] == ["text", "label"]
    assert found["names"] == ["ham", "spam"]
    assert found["right"]
    assert found["sizes"]["test"] < 12  # kept as it is, and its texts taken out of train
    assert sum(found["sizes"].values()) == 60
    assert "no column 'text'; it has body, kind, number, flag" in found["no column"]["message"]
    assert "no text" in found["no text"]["message"]
    assert "no column 'colour'" in found["no labels"]["message"]
    assert found["unknown"]["error"] == "DatasetUnavailableError"
    assert "must be 'owner/name'" in found["no path"]["message"]
    assert found["classes"] == ["good", "bad"]
