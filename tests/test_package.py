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


def test_import_is_quick_and_leaves_heavy_libraries_alone():
    code = (
        "import sys, time; start = time.process_time();"
        "import intro_lm.data, intro_lm.models, intro_lm.training, intro_lm.generation;"
        "print(time.process_time() - start);"
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
