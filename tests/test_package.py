"""What holds for the package as a whole."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "intro_lm"
HEAVY = [
    "tensorboard", "optuna", "matplotlib", "sklearn", "scipy", "datasets", "tokenizers", "pandas"
]  # fmt: skip
# In the order in which data flow: each imports only what comes before it, so there is no circle.
ROOMS = [
    "checks", "data", "models", "evaluation", "training", "generation", "plots", "search", "cli"
]  # fmt: skip


def test_import_leaves_heavy_libraries_alone():
    code = (
        "import sys, intro_lm.data, intro_lm.models, intro_lm.training, intro_lm.generation;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def imported(path: Path) -> set[str]:
    """The modules that a file imports, by their dotted names."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_follow_the_data(room):
    """And data and models import nothing of the package but the checks."""
    before = {"checks", room} if room == "models" else {*ROOMS[: ROOMS.index(room) + 1]}
    for path in [PACKAGE / f"{room}.py", *(PACKAGE / room).rglob("*.py")]:
        if path.exists():
            ours = {name.split(".")[1] for name in imported(path) if name.startswith("intro_lm.")}
            assert ours <= before, path.name


def test_the_package_imports_nothing_of_the_course_around_it():
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.split(".")[0] == "course" for name in imported(path)), path
