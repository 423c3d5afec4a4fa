"""What holds for the package as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "intro_lm"
HEAVY = "tensorboard optuna matplotlib sklearn scipy datasets tokenizers pandas".split()


def test_import_is_quick_and_leaves_heavy_libraries_alone():
    code = (
        "import sys, time; start = time.perf_counter();"
        "import intro_lm.data, intro_lm.models, intro_lm.training, intro_lm.generation;"
        "print(time.perf_counter() - start);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, loaded = done.stdout.splitlines()
    assert float(seconds) < 3
    assert loaded == "[]"


@pytest.mark.parametrize(
    ("folder", "allowed"), [("data", {"data", "checks"}), ("models", {"models", "checks"})]
)
def test_data_and_models_import_nothing_else_of_the_package(folder, allowed):
    for path in (PACKAGE / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("intro_lm"):
                assert node.module.split(".")[1] in allowed, f"{path.name} imports {node.module}"


def test_doctor_reports_and_ends_well_here():
    done = subprocess.run(
        [sys.executable, "-m", "intro_lm", "doctor"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("python", "torch", "device", "threads", "disk", "git"):
        assert word in done.stdout


@pytest.mark.parametrize("missing", ["torch", "safetensors", "pooch", "tqdm"])
def test_doctor_serves_where_a_package_is_missing(missing):
    """The package is hidden as one that is not installed is: no module, no metadata."""
    code = f"""
import sys
from importlib import metadata, util
from importlib.abc import MetaPathFinder

class Hidden(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {missing!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
find_spec = util.find_spec
util.find_spec = lambda name: None if name == {missing!r} else find_spec(name)
version = metadata.version
def hidden_version(name):
    if name == {missing!r}:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = hidden_version
from intro_lm.__main__ import main
sys.exit(main(["doctor"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    line = next(line for line in done.stdout.splitlines() if missing in line)
    assert line.split() == ["!!", missing, "missing"]
    assert done.stderr == ""


def test_doctor_gives_each_problem_its_remedy(monkeypatch):
    from intro_lm.cli import doctor

    monkeypatch.setattr(doctor, "LEAST_DISK", 1e9)
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (99, 0))
    findings = doctor.examine()
    remedies = {finding.what: finding.remedy for finding in findings if finding.remedy}
    assert set(remedies) == {"python", "no-such-package", "disk"}
    assert "pip install -r requirements.txt" in doctor.report(findings)
