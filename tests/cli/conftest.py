"""Small files of real names, and language models that were trained on them."""

import csv

import pytest

from intro_lm.__main__ import main

SMALL = ["--hidden-size", "8", "--embedding-size", "4"]
QUICK = ["--steps", "6", "--checkpoint-every", "3", "--device", "cpu"]


@pytest.fixture(scope="session")
def names_file(tmp_path_factory, some_names):
    path = tmp_path_factory.mktemp("data") / "names.txt"
    path.write_text("\n".join(some_names), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def labelled_file(tmp_path_factory, some_names):
    path = tmp_path_factory.mktemp("data") / "labelled.csv"
    rows = [(name, "with a" if "a" in name else "without") for name in some_names]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


@pytest.fixture(scope="session")
def language_models(tmp_path_factory, names_file):
    """The folders of a forward and a backward language model of the names."""
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("forward", "backward")]
    for folder, flags in zip(folders, ([], ["--backward"]), strict=True):
        train = ["train", "--data", names_file, "--folder", folder, *SMALL, *QUICK, *flags]
        assert main(train) == 0
    return folders


@pytest.fixture
def refused(capsys):
    """Run a command that must fail with the message in one line, and no traceback."""

    def run(message: str, *arguments: str) -> None:
        capsys.readouterr()
        assert main([*arguments]) == 1, arguments
        error = capsys.readouterr().err
        assert message in error.splitlines()[-1]
        assert "Traceback" not in error

    return run
