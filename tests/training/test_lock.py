"""One process writes a run: a second is told so, and a killed one leaves no lock behind."""

import subprocess
import sys

import pytest

from intro_lm.__main__ import main
from intro_lm.training import Tracker, TrainingSettings, lock, train

HOLD = """
import runpy, sys
from pathlib import Path
held = [runpy.run_path(sys.argv[1])["lock"](Path(path)) for path in sys.argv[2:]]
print("locked", flush=True)
sys.stdin.read()
"""
REFUSED = "another process is writing a run in"


@pytest.fixture
def busy(tmp_path):
    """A folder that another process writes in until it is killed, and that process."""
    paths = [tmp_path / "run" / name for name in (".checkpoint.lock", ".tensorboard.lock")]
    paths[0].parent.mkdir()
    command = [sys.executable, "-c", HOLD, lock.__file__, *map(str, paths)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "locked\n"
        yield tmp_path / "run", process
        process.kill()


def test_training_waits_for_nobody_and_goes_on_after_a_kill(busy, make_model, batches):
    folder, process = busy
    options = {"checkpoint_dir": folder, "resume": True, "progress": False}
    with pytest.raises(BlockingIOError, match=REFUSED):
        train(make_model(), batches, TrainingSettings(steps=1), **options)
    process.kill()
    process.wait()
    for _ in range(2):  # the first leaves no lock either
        train(make_model(), batches, TrainingSettings(steps=1), **options)


def test_a_tracker_takes_no_folder_of_another_process(busy):
    folder, process = busy
    with pytest.raises(BlockingIOError, match=REFUSED):
        Tracker(folder, resume=True)
    assert Tracker(folder).folder.name == "run-2"
    process.kill()
    process.wait()
    for _ in range(2):
        Tracker(folder, resume=True).close()


def test_the_command_says_so_in_one_line_and_touches_nothing(busy, capsys):
    folder, _ = busy
    before = sorted(folder.iterdir())
    assert main(["train", "--data", "names", "--folder", str(folder), "--resume"]) == 1
    error = capsys.readouterr().err
    assert error.startswith(REFUSED)
    assert error.count("\n") == 1
    assert sorted(folder.iterdir()) == before
