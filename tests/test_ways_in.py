"""The ways in besides make: hosted CI, conda, Windows by hand, and what contributors are told."""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from intro_lm import data

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
WINDOWS = (ROOT / "docs" / "windows.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
PINNED = re.compile(r"^\s*(?:- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
LINUX_PYTHONS = ["3.11", "3.12", "3.13"]


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    return yaml.safe_load(WORKFLOW.read_text("utf-8"))


def steps(workflow: dict[str, Any], job: str = "") -> list[dict[str, Any]]:
    jobs = [workflow["jobs"][job]] if job else workflow["jobs"].values()
    return [step for one in jobs for step in one["steps"]]


def runs(workflow: dict[str, Any], job: str = "") -> list[str]:
    return [step["run"] for step in steps(workflow, job) if "run" in step]


def made(texts: list[str]) -> set[str]:
    """The targets that commands or a text ask of make."""
    return {name for text in texts for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.M)}


# The hosted runs


def test_the_workflow_fits_the_published_schema():
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


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it():
    uses = [line for line in WORKFLOW.read_text("utf-8").splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.match(line)] == []
    pins = {tuple(line.split("uses: ")[1].split("@")) for line in uses}
    assert len(pins) == len({action for action, _ in pins}), "one action, two versions"


def test_the_workflow_may_only_read(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_superseded_runs_are_cancelled_and_none_runs_for_ever(workflow):
    assert workflow["concurrency"]["cancel-in-progress"] is True
    assert "github.ref" in workflow["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


def test_make_is_asked_only_for_targets_that_the_makefile_has(workflow):
    asked = made(runs(workflow))
    assert {"setup", "test", "notebooks"} <= asked <= TARGETS


def test_linux_runs_each_python_that_the_project_is_for(workflow):
    matrix = workflow["jobs"]["make"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest"]
    assert matrix["python"] == LINUX_PYTHONS
    assert {one["os"] for one in matrix["include"]} == {"macos-latest"}
    least = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert least
    assert matrix["python"][0] == least[1]


def test_a_cached_environment_is_that_of_these_requirements_and_this_python(workflow):
    cached = [s["with"]["key"] for s in steps(workflow) if "actions/cache@" in s.get("uses", "")]
    assert len(cached) == 2
    for key in cached:
        files = re.search(r"hashFiles\((.*?)\)", key)
        assert files
        assert set(re.findall(r"'(.*?)'", files[1])) == {
            *re.search(r"^\$\(READY\): (.*)$", MAKEFILE, re.MULTILINE)[1].split()
        }
        assert "steps.python.outputs.python-version" in key
        assert "runner.os" in key


def test_the_executed_notebooks_are_kept_from_where_make_puts_them(workflow):
    from course.notebooks.execute import BUILD

    for job in ("make", "newest"):
        (kept,) = (s for s in steps(workflow, job) if "upload-artifact@" in s.get("uses", ""))
        assert ROOT / kept["with"]["path"] == BUILD
        order = [s.get("run") or s["uses"] for s in steps(workflow, job)]
        assert order.index("make notebooks") == order.index(kept["uses"]) - 1


@pytest.mark.skipif(sys.platform != "linux", reason="the command is for Linux's sed")
def test_the_weekly_run_takes_the_newest_of_everything_that_is_not_pinned_on_purpose(
    workflow, tmp_path
):
    (command,) = (run for run in runs(workflow, "newest") if run.startswith("sed "))
    subprocess.run(
        ["bash", "-euc", command], cwd=ROOT, env={"RUNNER_TEMP": str(tmp_path)}, check=True
    )
    newest = (tmp_path / "newest.txt").read_text().splitlines()
    asked = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line for line in asked if "==" in line]
    assert [line.split("==")[0] for line in newest] == [line.split("==")[0] for line in pins]
    kept = [line for line in newest if "==" in line]
    assert kept == [line for line in pins if line.split("==")[0] in ("nbval", "ruff", "mypy")]
    assert workflow[True]["schedule"], "YAML reads the key `on` as true"
    assert "schedule" in workflow["jobs"]["newest"]["if"]


def test_tests_that_are_left_out_on_windows_exist(workflow):
    (unit,) = (run for run in runs(workflow, "windows") if "--deselect" in run)
    left_out = [word.split("=", 1) for word in unit.split() if word.startswith("--")]
    for flag, what in (pair for pair in left_out if len(pair) == 2):
        assert flag in ("--deselect", "--ignore")
        file, _, name = what.partition("::")
        assert (ROOT / file).exists()
        if name:
            assert f"\ndef {name}(" in (ROOT / file).read_text("utf-8")


def test_no_file_of_these_names_an_index_of_packages():
    for path in (WORKFLOW, ROOT / "environment.yml", ROOT / "docs" / "windows.md"):
        assert not re.search(r"https?://|index-url [^\s]", path.read_text("utf-8")), path.name


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_the_commands_for_linux_and_macos_are_shell(workflow):
    for job in ("workflow", "make", "newest"):
        for command in runs(workflow, job):
            done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False)
            assert done.returncode == 0, (command, done.stderr)


# Windows by hand


def windows_commands() -> list[str]:
    block = re.search(r"```\n(.*?)```", WINDOWS, re.DOTALL)
    assert block
    rows = [row.split("|")[2] for row in WINDOWS.splitlines() if row.startswith("| `make")]
    return [*block[1].splitlines(), *re.findall(r"`(.*?)`", " ".join(rows))]


def test_programs_that_windows_commands_call_are_in_the_environment(workflow):
    """Each is a script that the environment gets on every system, there with `.exe`."""
    assert Path(sysconfig.get_path("scripts", "nt", vars={"base": ".venv"})).name == "Scripts"
    commands = [*windows_commands(), *runs(workflow, "windows")]
    called = {name for text in commands for name in re.findall(r"\.venv\\Scripts\\([\w.-]+)", text)}
    assert {"python", "jupyter", "ruff"} <= called
    here = Path(sysconfig.get_path("scripts"))
    suffix = ".exe" if sys.platform == "win32" else ""
    assert [name for name in called if not (here / (name + suffix)).exists()] == []


def test_windows_commands_do_what_the_makefile_does():
    """Line by line: what stands in the table is a recipe of the Makefile, with Windows' paths."""
    recipes = MAKEFILE.replace("$(TWO_AT_ONCE)", "$(BIN)/python -m pytest -n 2 --dist loadfile")
    recipes = recipes.replace("$(BIN)/", ".venv\\Scripts\\")
    recipes = recipes.replace(" --quiet --disable-pip-version-check", "")
    for command in windows_commands():
        if command.startswith(".venv\\Scripts\\") and not command.endswith("doctor"):
            assert command in recipes, command
    assert made([WINDOWS]) <= TARGETS


def test_the_hosted_windows_run_uses_the_documented_commands(workflow):
    documented = [text for text in windows_commands() if text.startswith(".venv")]
    hosted = runs(workflow, "windows")
    for words in ("pip install", "doctor", "--nbval"):
        (command,) = (text for text in documented if words in text)
        assert command in hosted


# conda


def test_conda_gives_python_and_pip_and_leaves_the_rest_to_the_requirements():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, rest = environment["dependencies"]
    assert python.removeprefix("python=") in LINUX_PYTHONS
    assert pip == "pip"
    assert rest == {"pip": ["-r requirements.txt"]}  # conda runs pip beside this file
    assert set(environment) == {"name", "channels", "dependencies"}


# What contributors are told


def test_contributing_fits_a_screen_and_names_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    before_licences = text.split("## Licences")[0]
    assert len(before_licences.splitlines()) <= 55
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
    for command in re.findall(r"`python (tools/\w+\.py)", text):
        assert (ROOT / command).exists(), command
    assert made([text]) <= TARGETS


def test_the_licences_of_the_data_are_those_of_the_catalogue():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    told = {}
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|$", text, re.MULTILINE):
        told |= dict.fromkeys(
            re.findall(r"`(.*?)`", row[0]), re.split(r", (?:see|read)", row[1])[0]
        )
    entries = data.catalogue.CATALOGUE.items()
    assert told == {name: entry.licence.split(" (")[0] for name, entry in entries}


def test_the_code_is_under_the_licence_that_its_metadata_says():
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert licence.startswith("MIT License\n\nCopyright (c) 2026 the intro_lm authors\n")
    assert 'license = "MIT"' in (ROOT / "pyproject.toml").read_text("utf-8")
