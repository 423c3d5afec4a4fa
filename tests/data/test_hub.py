"""Datasets of the Hub through its genuine client, against a server on the loopback.

The client reads HF_ENDPOINT when it is imported, so it runs in processes of its own. One process
serves many cases: importing it takes longer than most of them.
"""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import parquet

from tools.serve_hub import FAULTS, HubServer, serving

ROWS = 60
ODD = ["NA", "None", "nan", "null"]
PRELUDE = """
import json, sys, time
from intro_lm import data

def slowness():  # how many times longer a busy machine takes to calculate
    wall, cpu = time.monotonic(), time.process_time()
    while time.process_time() < cpu + 0.2:
        pass
    return max(1, (time.monotonic() - wall) / 0.2)

def attempt(load, *arguments, **options):
    start = time.monotonic()
    try:
        corpus = load(*arguments, **options)
        label = (corpus["train"].features or {}).get("label")
        found = {"sizes": {name: len(list(rows)) for name, rows in corpus.items()},
                 "columns": corpus["train"].column_names,
                 "texts": sorted(row["text"] for rows in corpus.values() for row in rows),
                 "classes": getattr(label, "names", None)}
    except (OSError, ValueError) as error:
        found = {"error": type(error).__name__, "message": str(error)}
    return {**found, "seconds": (time.monotonic() - start) / slowness()}
"""


def table(**columns: list) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def rows(name: str, count: int = ROWS) -> bytes:
    texts = [f"{name}: text number {number} of this dataset" for number in range(count)]
    return labelled(texts, [number % 2 for number in range(count)])


def labelled(texts: list[str], labels: list[int]) -> bytes:
    file = io.BytesIO()
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    Dataset.from_dict({"text": texts, "label": labels}, features=features).to_parquet(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    with serving() as server:
        yield server
        assert not server.faults, "a test left a fault behind"


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


def start(server: HubServer, home: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    settings = {"HF_ENDPOINT": server.address, "HF_HOME": str(home), "HF_HUB_DOWNLOAD_TIMEOUT": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ
        | settings
        | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        | environment,
    )


def result(process: subprocess.Popen[str]):
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err[-2000:]
    return json.loads(out.splitlines()[-1])


def run(server: HubServer, home: Path, code: str, **environment: str):
    return result(start(server, home, f"print(json.dumps({code}))", **environment))


def card(**splits_of_configs: dict[str, str]) -> bytes:
    """A dataset's README, which says which file is which split of which config."""
    lines = ["---", "configs:"]
    for config, files in splits_of_configs.items():
        lines += [f"- config_name: {config.replace('_', '-')}", "  data_files:"]
        for split, file in files.items():
            lines += [f"  - split: {split}", f"    path: {file}"]
    return "\n".join([*lines, "---", ""]).encode()


def json_lines(found: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in found).encode()


@pytest.fixture(scope="module")
def loaded(server, tmp_path_factory):
    """Datasets in the shapes of the real ones: splits, columns, configs and file formats."""
    reviews = {"train.parquet": rows("train"), "test.parquet": rows("test", 10)}
    mail = [
        {"number": n, "text": f"mail {n}", "label": n % 2, "label_text": ("ham", "spam")[n % 2]}
        for n in range(70)
    ]
    lines = [line for n in range(3) for line in ("", f" = Title {n} = \n", "", " Words . \n")]
    parts = ("train", "validation", "test")
    shards = {
        f"wikitext-2-raw-v1/{part}.parquet": table(text=[s.replace("Title", part) for s in lines])
        for part in parts
    }
    server.repositories |= {
        "fancyzhx/yelp_polarity": reviews,
        "stanfordnlp/imdb": {
            **reviews,
            "unsupervised.parquet": labelled([f"free {n}" for n in range(9)], [-1] * 9),
            "README.md": card(
                plain_text={n: f"{n}.parquet" for n in ("train", "test", "unsupervised")}
            ),
        },
        "SetFit/enron_spam": {
            "train.jsonl": json_lines(mail[:60]),
            "test.jsonl": json_lines(mail[60:]),
        },
        "Salesforce/wikitext": {
            **shards,
            "README.md": card(
                wikitext_103_raw_v1={"train": "large.parquet"},
                wikitext_2_raw_v1={part: f"wikitext-2-raw-v1/{part}.parquet" for part in parts},
            ),
            "large.parquet": table(text=["large"]),
        },
        "roneneldan/TinyStories": {
            "data/train-0.parquet": table(text=[f"Once there were {n} dogs." for n in range(60)]),
            "data/validation-0.parquet": table(text=["One day, a cat sat."]),
            "TinyStories_all_data.tar.gz": b"large",
        },
    }
    code = """setattr(data.downloads, "PROBE_SECONDS", 60) or {
        name: [data.available(name), attempt(data.load, name, streaming=True),
               attempt(data.load, name), data.available(name)]
        for name in ("yelp-polarity", "imdb", "enron-spam", "wikitext-2", "tiny-stories")
    } | {
        "other columns": attempt(data.load_hub, "SetFit/enron_spam", label="number"),
        "no column": attempt(data.load_hub, "SetFit/enron_spam", text="body"),
        "no column in CSV": attempt(data.load_hub, "some/na", text="body"),
        "no text": attempt(data.load_hub, "SetFit/enron_spam", text="number"),
    } | {name: attempt(data.load_hub, "some/" + name) for name in (
        "absent", "private", "gated", "script", "two-parts", "mixed", "broken-card", "na"
    )} | {
        "part": attempt(data.load_hub, "some/two-parts", "b"),
        "holes": attempt(data.load_hub, "some/holes", streaming=True),
        "lists": attempt(data.load_hub, "some/lists", streaming=True),
    }"""
    server.repositories |= {
        "some/script": {"script.py": b"print('hello')"},
        "some/two-parts": {f"{part}.jsonl": json_lines(mail) for part in "ab"},
        "some/mixed": {"a.jsonl": json_lines(mail), "b.jsonl": json_lines([{"text": 1, "x": 2}])},
        "some/broken-card": {"train.jsonl": json_lines(mail), "README.md": b"---\na: [b\n---\n"},
        "some/na": {"train.csv": ("text\n" + "\n".join([*ODD, *map(str, range(9))])).encode()},
        "some/holes": {"train.jsonl": json_lines([*mail[:30], {"text": None}, {"text": " "}])},
        "some/lists": {"train.jsonl": json_lines([{"text": [str(n)]} for n in range(30)])},
    }
    parts = {"a": {"train": "a.jsonl"}, "b": {"train": "b.jsonl"}}
    server.repositories["some/two-parts"]["README.md"] = card(**parts)
    server.faults |= {"some/private": 401, "some/gated": 403}
    home = tmp_path_factory.mktemp("home")
    found = run(server, home, code, HF_HUB_DOWNLOAD_TIMEOUT="60")
    server.faults.clear()
    return found, server.asked.copy()


def test_hub_datasets_of_the_catalogue_load_by_name_with_their_classes(loaded):
    found, _ = loaded
    for name in ("yelp-polarity", "imdb", "enron-spam"):
        before, _, corpus, after = found[name]
        assert before
        assert after
        assert "sizes" in corpus, corpus
        assert {part: corpus["sizes"][part] for part in ("train", "validation", "test")} == {
            "train": 54,
            "validation": 6,
            "test": 10,
        }
        assert corpus["columns"] == ["text", "label"]
        assert corpus["classes"] == (["ham", "spam"] if name == "enron-spam" else ["neg", "pos"])
    assert found["imdb"][2]["sizes"]["unsupervised"] == 9
    assert found["tiny-stories"][2]["sizes"] == {"train": 54, "validation": 1, "test": 6}
    # A test split keeps its repeats, which leave the other splits.
    assert found["wikitext-2"][2]["sizes"] == {"train": 3, "validation": 3, "test": 6}
    assert " = test 0 = \n" in found["wikitext-2"][2]["texts"]


def test_a_stream_has_the_splits_and_rows_of_its_source(loaded):
    found, _ = loaded
    for name, sizes in {
        "yelp-polarity": {"train": 60, "test": 10},
        "tiny-stories": {"train": 60, "validation": 1},
        "wikitext-2": dict.fromkeys(("train", "validation", "test"), 6),
    }.items():
        assert found[name][1].get("sizes") == sizes, found[name][1]


def test_pinned_revisions_are_asked_for_and_no_more_files_than_needed(loaded):
    _, asked = loaded
    paths = [line for line in asked if "/resolve/" in line]
    pinned = "e6281661ce1c48d982bc483cf8a173c1bbeb5d31"
    assert all(pinned in path for path in paths if "imdb" in path)
    assert not any("large.parquet" in path and "GET" in path for path in paths)
    assert not any("TinyStories_all" in path and "GET" in path for path in paths)


def test_what_cannot_be_loaded_is_refused_with_its_reason(loaded):
    found, _ = loaded
    assert "those to learn are" in found["other columns"]["message"]  # one class per row
    assert "no column 'body'; it has number, text" in found["no column"]["message"]
    assert "no column 'body'; it has text" in found["no column in CSV"]["message"]
    assert ", not text; name" in found["no text"]["message"]
    for name, words in {
        "absent": "check the name",
        "private": "`hf auth login` or set HF_TOKEN",
        "gated": "ask for access",
        "script": "programs are not run",
        "two-parts": r"\['a', 'b'].*choose one of them with config=",
        "mixed": "have different columns",
        "broken-card": "README.md, is broken",
    }.items():
        assert found[name]["error"] == "DatasetUnavailableError", found[name]
        assert re.search(words, found[name]["message"]), found[name]
    assert len(found["part"].get("texts", ())) == 70, found["part"]["message"]


def test_texts_like_na_are_texts_and_a_stream_leaves_out_what_is_none(loaded):
    found, _ = loaded
    assert set(ODD) < set(found["na"]["texts"])
    assert len(found["holes"]["texts"]) == 30
    assert "holds ['0'], not text" in found["lists"]["message"]


def test_what_was_fetched_is_read_without_network_and_never_when_damaged(server, home):
    server.repositories["some/kept"] = {"train.parquet": rows("kept")}
    code = """
import os, pathlib
def load(damage=lambda whole: whole):
    for blob in pathlib.Path(os.environ["HF_HOME"]).glob("hub/*/blobs/*"):
        blob.write_bytes(damage(blob.read_bytes()))
    return attempt(data.load_hub, "some/kept", label="label")
found = [load(), load(), load(lambda whole: whole[:-1] + b"!"), load(lambda whole: whole[:-200])]
print(json.dumps(found))
"""
    first, *after = result(start(server, home, code))
    assert first["sizes"]["train"] == 48
    assert [found["texts"] for found in after] == [first["texts"]] * 3
    asked = len(server.asked)
    again, _, lost, _ = result(start(server, home, code, HF_HUB_OFFLINE="1"))
    assert again["texts"] == first["texts"]
    assert lost["error"] == "DatasetUnavailableError"
    assert len(server.asked) == asked


@pytest.mark.slow
@pytest.mark.parametrize("network", ["refused", "silent", "offline", "unknown host"])
def test_no_network_is_said_in_seconds(server, home, network):
    environment = {
        "refused": {"HF_ENDPOINT": "http://127.0.0.1:9"},
        "silent": {},
        "offline": {"HF_HUB_OFFLINE": "1"},
        "unknown host": {"HF_ENDPOINT": "http://no-such-host.invalid"},
    }[network]
    if network == "silent":
        server.faults["rotten_tomatoes"] = "silent"
    code = """[
        attempt(data.load, "rotten-tomatoes"),
        attempt(data.load, "rotten-tomatoes", streaming=True),
        data.available("rotten-tomatoes"),
    ]"""
    loading, streaming, there = run(server, home, code, **environment)
    server.faults.clear()
    assert not there
    for found in (loading, streaming):
        assert found["error"] == "DatasetUnavailableError"
        assert found["seconds"] < 5
        for word in ("'rotten-tomatoes'", "HF_HUB_OFFLINE", "HF_HOME", "'name-origins' need no"):
            assert word in found["message"]


@pytest.mark.slow
def test_a_fault_ends_soon_in_one_clear_error_and_leaves_nothing_that_is_trusted(server, home):
    faults = {str(fault): fault for fault in (404, 500, *FAULTS)}
    for name, fault in faults.items():
        server.repositories[f"faults/{name}"] = {"train.parquet": rows(name)}
        server.faults[f"faults/{name}/resolve train.parquet"] = fault
    code = f"""{{
        name: setattr(data.downloads, "PATIENCE", 3) or attempt(data.load_hub, "faults/" + name)
        for name in {list(faults)}
    }}"""
    during = run(server, home, code)
    server.faults.clear()
    after = run(server, home, code)
    for name in faults:
        assert during[name]["error"] == "DatasetUnavailableError", during[name]
        assert during[name]["seconds"] < 60
        assert "\n" not in during[name]["message"]
        assert f"'faults/{name}'" in during[name]["message"]
        assert after[name]["sizes"] == {"train": 48, "validation": 6, "test": 6}
