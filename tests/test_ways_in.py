"""The ways in: requirement files, hosted CI, conda, and Windows by hand."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from intro_lm.cli.doctor import OLDEST_PYTHON

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
WINDOWS = (ROOT / "docs" / "windows.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
needs_make = pytest.mark.skipif(sys.platform == "win32", reason="make is not used on Windows")
PINNED = re.compile(r"^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def pins(name: str) -> dict[str, str]:
    """The packages that a requirement file pins, by name."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def made(texts: list[str]) -> set[str]:
    """The targets that commands or a text ask of make."""
    return {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.M)}


# Requirements


def test_everything_that_is_required_is_among_the_constraints():
    asked = pins("requirements.txt") | pins("requirements-dev.txt")
    assert asked.items() <= pins("constraints.txt").items()
    assert not pins("requirements.txt").keys() & pins("requirements-dev.txt").keys()


def test_what_the_package_depends_on_is_what_the_requirements_pin():
    named = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["course"]
    names = {re.split("[>=]", one)[0].lower() for one in named}
    assert names <= {name.lower() for name in pins("requirements.txt")}


def test_tests_that_need_more_than_the_first_requirement_file_are_skipped_without_it():
    packages = [name.replace("-", "_") for name in pins("requirements-dev.txt")]
    imports = re.compile(rf"^(?:import|from) ({'|'.join(packages)})\b", re.MULTILINE)
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text("utf-8")
        for name in imports.findall(text):
            assert f'importorskip("{name}' in text, f"{path} imports {name}"


def test_each_pin_can_be_installed_on_the_oldest_python():
    oldest = ".".join(map(str, OLDEST_PYTHON)) + ".0"
    for name, version in pins("constraints.txt").items():
        for installed in metadata.distributions(name=name):  # none: needed on another system
            if installed.version == version:
                asked = SpecifierSet(installed.metadata["Requires-Python"] or "")
                assert oldest in asked, f"{name} {version} needs Python {asked}"


def test_the_oldest_python_is_the_same_everywhere(workflow):
    oldest = ".".join(map(str, OLDEST_PYTHON))
    assert PROJECT["requires-python"] == f">={oldest}"
    assert workflow["jobs"]["make"]["strategy"]["matrix"]["python"][0] == oldest
    assert f"v < {OLDEST_PYTHON} and" in MAKEFILE
    for text in (MAKEFILE, (ROOT / "README.md").read_text("utf-8")):
        assert set(re.findall(r"Python ([\d.]+) or newer", text)) == {oldest}


# The Makefile


def planned(folder: Path, *words: str) -> str:
    """What make would do in a folder, and what it says; nothing is run."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "--dry-run", "--makefile", str(ROOT / "Makefile"), *words]
    return subprocess.run(command, cwd=folder, env=others, capture_output=True, text=True).stdout


@needs_make
@pytest.mark.parametrize("made_for", ["here", "elsewhere", "unknown"])
def test_an_environment_that_was_moved_or_copied_is_set_up_again(tmp_path, made_for):
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    ready = tmp_path / ".venv" / ".ready"
    ready.parent.mkdir()
    ready.write_text({"here": str(tmp_path), "elsewhere": "/old", "unknown": ""}[made_for])
    assert ("rm -rf .venv" in planned(tmp_path, "setup")) == (made_for == "elsewhere")
    assert ("-m venv .venv" in planned(tmp_path, "lab")) == (made_for == "elsewhere")
    assert "rm -rf" not in planned(tmp_path, "VENV=/opt/venv", "READY=", "lab")  # in the container


@needs_make
@pytest.mark.parametrize("named", ["01", "notebooks/01_mlp_baseline.ipynb"])
def test_one_notebook_is_handed_in(named):
    steps = planned(ROOT, "hand-in", f"NOTEBOOK={named}").splitlines()[-2:]
    assert [step.split()[-1] for step in steps] == ["notebooks/01_mlp_baseline.ipynb"] * 2
    assert ["ruff format" in steps[0], "course record" in steps[1]] == [True, True]
    assert "course record" not in planned(ROOT, "hand-in", "NOTEBOOK=7")
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        text = notebook.read_text("utf-8")
        assert f"`make hand-in NOTEBOOK={notebook.name[:2]}`" in text
        assert "make record" not in text


# The hosted runs


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load(WORKFLOW.read_text("utf-8"))


def runs(workflow: dict[str, Any], *jobs: str) -> list[str]:
    """The commands of these jobs, or of all."""
    chosen = jobs or workflow["jobs"]
    return [
        step["run"] for job in chosen for step in workflow["jobs"][job]["steps"] if "run" in step
    ]


def test_every_action_is_pinned_by_its_commit_with_its_version():
    uses = [line for line in WORKFLOW.read_text("utf-8").splitlines() if "uses:" in line]
    assert [line for line in uses if not PINNED.match(line)] == []
    found = {tuple(line.split("uses: ")[1].split("@")) for line in uses}
    assert len(found) == len({action for action, _ in found}), "one action, two versions"


def test_the_workflow_may_only_read_and_never_runs_for_ever(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 90
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


def test_make_is_asked_only_for_targets_that_the_makefile_has(workflow):
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    for commands in (runs(workflow), [ci]):
        assert {"test", "slow"} <= made(commands) <= TARGETS


def test_a_cached_environment_is_that_of_these_requirements_and_this_python(workflow):
    files = set(re.findall(r"[\w.-]+\.t\w+", " ".join(re.findall(r"READY\): (.*)", MAKEFILE))))
    (cached,) = (step for step in workflow["jobs"]["make"]["steps"] if "cache@" in str(step))
    key = cached["with"]["key"]
    assert set(re.findall(r"'([\w.-]+\.t\w+)'", key)) == files
    assert "steps.python.outputs.python-version" in key
    assert "runner.os" in key


# Windows by hand, and conda


def windows_commands() -> list[str]:
    block = re.search(r"```\n(.*?)```", WINDOWS, re.DOTALL)
    assert block
    rows = [row.split("|")[2] for row in WINDOWS.splitlines() if row.startswith("| `make")]
    return [*block[1].splitlines(), *re.findall(r"`(.*?)`", " ".join(rows))]


def test_windows_commands_do_what_the_makefile_does():
    """Line by line: each command of the table is a recipe of the Makefile, with Windows' paths."""
    recipes = MAKEFILE.replace("$(TWO_AT_ONCE)", "$(BIN)/python -m pytest -n 2 --dist loadfile")
    recipes = recipes.replace("$(BIN)/", ".venv\\Scripts\\")
    recipes = recipes.replace(" --quiet --disable-pip-version-check", "")
    recipes = recipes.replace("$(NOTEBOOK_FILE)", "notebooks/00_pytorch_warmup.ipynb")
    for command in windows_commands():
        if command.startswith(".venv\\Scripts\\") and not command.endswith("doctor"):
            assert command in recipes, command
    assert made([WINDOWS]) <= TARGETS


def test_the_hosted_windows_run_uses_the_documented_commands(workflow):
    hosted = [" ".join(command.split()) for command in runs(workflow, "windows")]
    for words in ("pip install", "doctor", "--nbval"):
        (command,) = (text for text in windows_commands() if words in text)
        assert command in hosted
    for path in re.findall(r"--ignore=(\S+)", " ".join(hosted)):
        assert (ROOT / path).exists()


def test_conda_gives_python_and_pip_and_leaves_the_rest_to_the_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, rest = environment["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert rest == {"pip": ["-r requirements.txt"]}  # conda runs pip next to this file
