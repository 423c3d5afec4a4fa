"""`python -m intro_lm doctor`: it reports, gives remedies, and runs where packages are missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from intro_lm.__main__ import main
from intro_lm.cli import doctor

# Hides a package as one that is not installed is hidden: there is no module and no metadata.
HIDE = """
import sys
from importlib import metadata, util
from importlib.abc import MetaPathFinder

missing, find_spec, version = sys.argv[1], util.find_spec, metadata.version

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == missing:
            raise ModuleNotFoundError(name)

def hidden_version(name):
    if name == missing:
        raise metadata.PackageNotFoundError(name)
    return version(name)

sys.meta_path.insert(0, Hidden())
util.find_spec = lambda name: None if name == missing else find_spec(name)
metadata.version = hidden_version
from intro_lm.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def curriculum(tmp_path, monkeypatch):
    """A folder that looks like the curriculum's, as the working folder."""
    (tmp_path / "intro_lm").mkdir()
    (tmp_path / "intro_lm" / "__init__.py").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def seen_without(missing: str, *words: str) -> subprocess.CompletedProcess[str]:
    # -P: not the intro_lm of the working folder
    command = [sys.executable, "-P", "-c", HIDE, missing, *(words or ["doctor"])]
    env = os.environ | {"PYTHONPATH": str(Path(doctor.__file__).parents[2])}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


def test_it_reports_and_ends_well_here(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for word in ("python", "intro_lm", "torch", "device", "threads", "disk", "git"):
        assert f"ok  {word}" in printed


@pytest.mark.parametrize("missing", ["torch", "tqdm"])
def test_it_runs_where_a_package_is_missing(missing, curriculum):
    done = seen_without(missing)
    assert done.returncode == 1, done.stderr
    assert f"missing: {missing}\n" in done.stdout
    assert done.stderr == ""


def test_a_command_that_misses_a_package_names_the_doctor(curriculum):
    done = seen_without("torch", "train", "--help")
    assert done.returncode == 1
    assert done.stderr == f"torch; for a remedy run: {sys.executable} -m intro_lm doctor\n"


def test_another_python_is_sent_to_the_one_in_the_environment(curriculum, monkeypatch):
    own = curriculum / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    own.parent.mkdir(parents=True)
    own.touch()
    said = seen_without("torch").stdout
    assert f"type: {own.relative_to(curriculum)} -m intro_lm doctor" in said
    assert "missing" not in said
    monkeypatch.chdir("notebooks")
    assert f"type: {Path('..') / own.relative_to(curriculum)} -m" in seen_without("torch").stdout


def test_an_environment_that_belongs_to_another_folder_is_noticed(curriculum):
    found = {finding.what: finding for finding in doctor.examine()}["intro_lm"]
    assert "moved or copied" in found.remedy


def test_each_problem_has_its_remedy(monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_DISK", 1e9)
    monkeypatch.setattr(doctor, "PACKAGES", ("torch",))
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    remedies = {finding.what for finding in doctor.examine() if finding.remedy}
    assert remedies == {"python", "disk"}
