"""The ways in: requirement files, hosted CI, conda, and Windows by hand."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from course.notebooks.execute import BUILD

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
WINDOWS = (ROOT / "docs" / "windows.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = project["dependencies"] + project["optional-dependencies"]["course"]
    names = {re.split("[>=]", one)[0].lower() for one in named}
    assert names <= {name.lower() for name in pins("requirements.txt")}


def test_tests_that_need_more_than_the_first_requirement_file_are_skipped_without_it():
    packages = [name.replace("-", "_") for name in pins("requirements-dev.txt")]
    imports = re.compile(rf"^(?:import|from) ({'|'.join(packages)})\b", re.MULTILINE)
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text("utf-8")
        for name in imports.findall(text):
            assert f'importorskip("{name}' in text, f"{path} imports {name}"


# The hosted runs


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load(WORKFLOW.read_text("utf-8"))


def steps(workflow: dict[str, Any], job: str = "") -> list[dict[str, Any]]:
    jobs = [workflow["jobs"][job]] if job else workflow["jobs"].values()
    return [step for one in jobs for step in one["steps"]]


def runs(workflow: dict[str, Any], job: str = "") -> list[str]:
    return [step["run"] for step in steps(workflow, job) if "run" in step]


@pytest.mark.slow
def test_the_workflow_fits_the_published_schema():
    pytest.importorskip("check_jsonschema", reason="needs requirements-dev.txt")
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="no actionlint is installed")
def test_actionlint_finds_nothing():
    done = subprocess.run(
        ["actionlint", "-no-color", str(WORKFLOW)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


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
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_make_is_asked_only_for_targets_that_the_makefile_has(workflow):
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    for commands in (runs(workflow), [ci]):
        assert {"test", "slow"} <= made(commands) <= TARGETS


def test_linux_runs_each_python_that_the_project_is_for(workflow):
    pythons = workflow["jobs"]["make"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == f">={pythons[0]}"


def test_a_cached_environment_is_that_of_these_requirements_and_this_python(workflow):
    ready, more = re.findall(r"^\$\(\w*READY\): (.*)$", MAKEFILE, re.MULTILINE)
    files = {*ready.split(), *more.split()} - {"$(READY)"}
    cached = [s["with"]["key"] for s in steps(workflow, "make") if "actions/cache@" in str(s)]
    assert len(cached) == 1
    assert set(re.findall(r"'([\w.-]+\.t\w+)'", cached[0])) == files
    assert "steps.python.outputs.python-version" in cached[0]
    assert "runner.os" in cached[0]


def test_the_executed_notebooks_are_kept_from_where_make_puts_them(workflow):
    for job in ("make", "newest"):
        (kept,) = (s for s in steps(workflow, job) if "upload-artifact@" in s.get("uses", ""))
        assert ROOT / kept["with"]["path"] == BUILD


@pytest.mark.skipif(sys.platform != "linux", reason="the command is for Linux's sed")
def test_the_weekly_run_takes_the_newest_of_all_that_is_not_pinned_on_purpose(workflow, tmp_path):
    (command,) = (run for run in runs(workflow, "newest") if run.startswith("sed "))
    subprocess.run(
        ["bash", "-euc", command], cwd=ROOT, env={"RUNNER_TEMP": str(tmp_path)}, check=True
    )
    newest = (tmp_path / "newest.txt").read_text().splitlines()
    asked = pins("requirements.txt") | pins("requirements-dev.txt")
    assert [line.split("==")[0] for line in newest] == list(asked)
    kept = {line.split("==")[0] for line in newest if "==" in line}
    assert kept == {"nbval", "ruff", "mypy"}


def test_what_is_left_out_on_windows_exists(workflow):
    (unit,) = (run for run in runs(workflow, "windows") if "--ignore" in run)
    for path in re.findall(r"--ignore=(\S+)", unit):
        assert (ROOT / path).exists()


def test_no_file_of_these_names_an_index_of_packages():
    for path in (WORKFLOW, ROOT / "environment.yml", ROOT / "docs" / "windows.md"):
        assert not re.search(r"https?://|index-url [^\s]", path.read_text("utf-8")), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_commands_for_linux_and_macos_are_shell(workflow):
    for job in ("workflow", "make", "newest"):
        for command in runs(workflow, job):
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
            assert done.returncode == 0, (command, done.stderr)


# Windows by hand, and conda


def windows_commands() -> list[str]:
    block = re.search(r"```\n(.*?)```", WINDOWS, re.DOTALL)
    assert block
    rows = [row.split("|")[2] for row in WINDOWS.splitlines() if row.startswith("| `make")]
    return [*block[1].splitlines(), *re.findall(r"`(.*?)`", " ".join(rows))]


def test_programs_that_windows_commands_call_are_in_the_environment(workflow):
    """Each is a script that the environment gets on every system, there with `.exe`."""
    commands = [*windows_commands(), *runs(workflow, "windows")]
    called = {name for text in commands for name in re.findall(r"\.venv\\Scripts\\([\w.-]+)", text)}
    assert {"python", "jupyter", "ruff"} <= called
    here = Path(sysconfig.get_path("scripts"))
    suffix = ".exe" if sys.platform == "win32" else ""
    assert [name for name in called if not (here / (name + suffix)).exists()] == []


def test_windows_commands_do_what_the_makefile_does():
    """Line by line: each command of the table is a recipe of the Makefile, with Windows' paths."""
    recipes = MAKEFILE.replace("$(TWO_AT_ONCE)", "$(BIN)/python -m pytest -n 2 --dist loadfile")
    recipes = recipes.replace("$(BIN)/", ".venv\\Scripts\\")
    recipes = recipes.replace(" --quiet --disable-pip-version-check", "")
    for command in windows_commands():
        if command.startswith(".venv\\Scripts\\") and not command.endswith("doctor"):
            assert command in recipes, command
    assert made([WINDOWS]) <= TARGETS


def test_the_hosted_windows_run_uses_the_documented_commands(workflow):
    documented = [text for text in windows_commands() if text.startswith(".venv")]
    hosted = [" ".join(command.split()) for command in runs(workflow, "windows")]
    for words in ("pip install", "doctor", "--nbval"):
        (command,) = (text for text in documented if words in text)
        assert command in hosted


def test_conda_gives_python_and_pip_and_leaves_the_rest_to_the_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, rest = environment["dependencies"]
    assert (python, pip) == ("python=3.11", "pip")
    assert rest == {"pip": ["-r requirements.txt"]}  # conda runs pip next to this file
