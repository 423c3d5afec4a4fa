"""What a genuine TensorBoard makes of what `Tracker` writes: over HTTP, and in a browser."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from PIL import Image

from intro_lm.data import WindowBatches
from intro_lm.models import MLP
from intro_lm.training import Tracker, TrainingSettings, train
from tools import screenshot

ROOT = Path(__file__).parents[2]
RUNS = {
    "slow": {"learning_rate": 0.001, "hidden_size": 16, "optimizer": "sgd", "clipped": True},
    "quick": {"learning_rate": 0.03, "hidden_size": 16, "optimizer": "adamw", "clipped": False},
}
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
pytestmark = pytest.mark.slow
browser = pytest.mark.skipif(screenshot.find_browser() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def runs(tmp_path_factory, windows, vocabulary):
    """A folder with two runs, and the history of each."""
    folder = tmp_path_factory.mktemp("runs")
    histories = {}
    for name, values in RUNS.items():
        tracker = Tracker(folder / name)
        tracker.hyperparameters(values)
        rate, optimizer = values["learning_rate"], values["optimizer"]
        settings = TrainingSettings(20, rate, optimizer, log_every=5, evaluate_every=5)
        model, batches = MLP(len(vocabulary), hidden_size=16), WindowBatches(*windows)
        options = {"validation": batches, "tracker": tracker, "progress": False}
        histories[name] = train(model, batches, settings, **options)
        tracker.close()
    return folder, histories


@pytest.fixture(scope="module")
def address(runs):
    with screenshot.tensorboard(runs[0]) as address:
        yield address


def ask(address, path, json=None, **query):
    with requests.Session() as session:
        session.trust_env = False  # a user's proxy must not be asked for the loopback
        url = f"{address}data/{path}"
        answer = session.post(url, json=json) if json else session.get(url, params=query)
    answer.raise_for_status()
    return answer.json()


@pytest.mark.parametrize("name", RUNS)
def test_scalars_come_back_as_they_were_logged(address, runs, name):
    entries = runs[1][name].entries
    assert len(entries) == 4
    for tag in entries[0].scalars():
        values = ask(address, "plugin/scalars/scalars", run=name, tag=tag)
        assert [step for _, step, _ in values] == [entry.step for entry in entries]
        logged = [entry.scalars()[tag] for entry in entries]
        assert [value for *_, value in values] == pytest.approx(logged)


def test_hyperparameters_and_final_loss_are_in_a_row_per_run(address, runs):
    query = {"allowedStatuses": STATUSES, "colParams": [], "startIndex": 0, "sliceSize": 100}
    groups = ask(address, "plugin/hparams/session_groups", json=query)["sessionGroups"]
    found = {group["name"]: group for group in groups}
    assert sorted(found) == ["quick", "slow"]
    for name, values in RUNS.items():
        assert found[name]["hparams"] == values
        (metric,) = found[name]["metricValues"]
        assert metric["name"]["tag"] == "loss/validation"
        assert metric["trainingStep"] == 20
        assert metric["value"] == pytest.approx(runs[1][name].validation_loss)


@browser
@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("timeseries", "tagFilter=loss", "/train /validation"),
        ("hparams", "", "learning_rate hidden_size optimizer adamw sgd"),
    ],
)
def test_a_browser_shows_the_runs_and_their_losses(address, runs, tmp_path, page, query, words):
    picture = tmp_path / "page.png"
    shown = screenshot.take(address, picture, page=page, size=(1000, 700), query=query)
    for word in (*RUNS, *words.split()):
        assert word in shown
    numbers = [float(number) for number in re.findall(r"^\d+\.\d+$", shown, re.MULTILINE)]
    for name in RUNS:
        final = runs[1][name].validation_loss
        assert any(number == pytest.approx(final, abs=1e-4) for number in numbers)
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", (1000, 700))
        assert len(image.convert("RGB").getcolors(1000 * 700)) > 50


@browser
def test_the_tool_pictures_a_folder_of_runs(runs, tmp_path):
    picture = tmp_path / "hparams.png"
    command = [sys.executable, "tools/screenshot.py", str(runs[0]), str(picture)]
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    with Image.open(picture) as image:
        assert image.size == (1280, 900)
