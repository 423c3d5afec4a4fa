"""`python -m intro_lm doctor`: it reports, gives remedies, and runs where packages are missing."""

import subprocess
import sys

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
sys.exit(main(["doctor"]))
"""


def test_it_reports_and_ends_well_here(capsys):
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    for word in ("python", "torch", "device", "threads", "disk", "git"):
        assert f"ok  {word}" in printed


@pytest.mark.parametrize("missing", ["torch", "tqdm"])
def test_it_runs_where_a_package_is_missing(missing):
    command = [sys.executable, "-c", HIDE, missing]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    line = next(line for line in done.stdout.splitlines() if missing in line)
    assert line.split() == ["!!", missing, "missing"]
    assert done.stderr == ""


def test_each_problem_has_its_remedy(monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_DISK", 1e9)
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    findings = doctor.examine()
    remedies = {finding.what: finding.remedy for finding in findings if finding.remedy}
    assert set(remedies) == {"python", "no-such-package", "disk"}
    assert "pip install -r requirements.txt" in doctor.report(findings)
