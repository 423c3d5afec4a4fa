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
from intro_lm.data import hub_cache, hub_client

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
    return table(
        text=[f"{name}: text number {number} of this dataset" for number in range(count)],
        label=[number % 2 for number in range(count)],
    )


def table(**columns: list) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
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


DAMAGE = """
from pathlib import Path
home = Path(sys.argv[1])
first = attempt("some/kept", label="label")
whole = next(home.rglob("*.arrow")).read_bytes()
changed = whole.replace(b"number 7 of", b"number X of")
assert changed != whole
after = []
for damaged in (changed, whole[:-2000], b""):
    arrow = next(home.rglob("*.arrow"))
    arrow.unlink()  # the process has the old file mapped
    arrow.write_bytes(damaged)
    after.append(attempt("some/kept", label="label"))
next(home.rglob("*.arrow")).unlink()
for blob in home.glob("hub/*/blobs/*"):
    blob.write_bytes(b"no parquet")
after.append(attempt("some/kept", label="label"))
print(json.dumps([first, *after]))
"""


def test_what_was_fetched_is_read_again_without_network_and_never_when_damaged(server, home):
    server.repositories["some/kept"] = {"train.parquet": rows("kept")}
    first, *after = run(server, home, DAMAGE.replace("sys.argv[1]", repr(str(home))))
    assert first["rows"]["train"] == 48
    assert [found.get("texts") for found in after] == [first["texts"]] * 4
    asked = len(server.asked)
    code = 'print(json.dumps(attempt("some/kept", label="label")))'
    assert run(server, home, code, HF_HUB_OFFLINE="1")["texts"] == first["texts"]
    assert len(server.asked) == asked
    arrow = next(home.rglob("*.arrow"))
    arrow.write_bytes(arrow.read_bytes().replace(b"number 7 of", b"number X of"))
    lost = run(server, home, code, HF_ENDPOINT="http://127.0.0.1:9")
    assert lost["error"] == "DatasetUnavailableError"


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
    found = run(server, home.with_name("file"), code)
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
repository = hub_cache.Repository("some/mail", text="body", label="flag", classes=classes)
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


def card(**splits_of_configs: dict[str, str]) -> bytes:
    """A dataset's README, which says which file is which split of which config."""
    lines = ["---", "configs:"]
    for config, files in splits_of_configs.items():
        lines += [f"- config_name: {config.replace('_', '-')}", "  data_files:"]
        for split, file in files.items():
            lines += [f"  - split: {split}", f"    path: {file}"]
    return "\n".join([*lines, "---", ""]).encode()


def test_every_hub_dataset_of_the_catalogue_loads_by_its_name(server, home):
    """Each in the shape that its source has: splits, columns, configs and file formats."""
    train_test = {"train.parquet": rows("train"), "test.parquet": rows("test", 10)}
    for path in ("fancyzhx/ag_news", "fancyzhx/yelp_polarity"):
        server.repositories[path] = train_test
    unlabelled = table(text=[f"free {n}" for n in range(9)], label=[-1] * 9)
    imdb_files = {name: f"{name}.parquet" for name in ("train", "test", "unsupervised")}
    server.repositories["stanfordnlp/imdb"] = {
        **train_test,
        "unsupervised.parquet": unlabelled,
        "README.md": card(plain_text=imdb_files),
    }
    mail = [
        {"message_id": n, "text": f"mail {n}", "label": n % 2, "label_text": ("ham", "spam")[n % 2]}
        for n in range(70)
    ]
    server.repositories["SetFit/enron_spam"] = {
        "train.jsonl": "".join(json.dumps(row) + "\n" for row in mail[:60]).encode(),
        "test.jsonl": "".join(json.dumps(row) + "\n" for row in mail[60:]).encode(),
    }
    lines = [line for n in range(3) for line in ("", f" = Title {n} = \n", "", " Words . \n")]
    other = [line.replace("Title", "Other") for line in lines]
    third = [line.replace("Title", "Third") for line in lines]
    names = ("train", "validation", "test")
    server.repositories["Salesforce/wikitext"] = {
        **{
            f"small/{name}.parquet": table(text=column)
            for name, column in zip(names, (lines, other, third), strict=True)
        },
        "README.md": card(
            wikitext_103_raw_v1={"train": "large.parquet"},
            wikitext_2_raw_v1={name: f"small/{name}.parquet" for name in names},
        ),
        "large.parquet": table(text=["large"]),
    }
    server.repositories["roneneldan/TinyStories"] = {
        "train.parquet": table(text=[f"Once there were {n} dogs." for n in range(60)]),
        "validation.parquet": table(text=["One day, a cat sat."]),
    }
    code = """
found = {}
for name in ("ag-news", "yelp-polarity", "imdb", "enron-spam", "wikitext-2", "tiny-stories"):
    here = {row["name"]: row["here"] for row in data.describe()}[name]
    assert data.available(name)
    streams = data.load(name, streaming=True)
    streamed = {part: sum(1 for _ in rows) for part, rows in streams.items()}
    corpus = data.load(name)
    there = {row["name"]: row["here"] for row in data.describe()}[name]
    sizes = {part: len(rows) for part, rows in corpus.items()}
    label = corpus["train"].features.get("label")
    found[name] = [sizes, streamed, label and label.names, here + there, data.texts(name)[0]]
print(json.dumps(found))
"""
    found = run(server, home, code)
    assert {name: entry[3] for name, entry in found.items()} == dict.fromkeys(found, "noyes")
    for name in ("ag-news", "yelp-polarity", "imdb", "enron-spam"):
        sizes, streamed, labels, *_ = found[name]
        assert sizes["test"] == streamed["test"] == 10
        assert sizes["validation"] == 6
        assert sizes["train"] == 54
        assert streamed["train"] + streamed["validation"] == 60
        assert labels == (["ham", "spam"] if name == "enron-spam" else ["0", "1"])
    assert found["imdb"][0]["unsupervised"] == found["imdb"][1]["unsupervised"] == 9
    assert found["wikitext-2"][0] == found["wikitext-2"][1] == dict.fromkeys(names, 3)
    assert found["wikitext-2"][4] == " = Title 0 = \n Words . \n"
    assert found["tiny-stories"][0] == {"train": 54, "validation": 1, "test": 6}
