"""`python -m intro_lm data`, on the bundled datasets."""

from intro_lm.__main__ import main
from intro_lm.data.catalogue import CATALOGUE


def test_every_dataset_is_listed(capsys):
    assert main(["data", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["name", "here", "size", "licence", "source"]
    assert [row.split()[0] for row in rows] == list(CATALOGUE)
    assert rows[0].split()[1] == "yes"


def test_a_dataset_is_shown_with_its_sizes_labels_and_examples(capsys):
    assert main(["data", "show", "name-origins"]) == 0
    shown = capsys.readouterr().out
    for words in ("train: 18,421 texts", "validation: 2,303", "test: 2,303", "'Zulu'", "'text': '"):
        assert words in shown


def test_an_unknown_dataset_is_refused_with_the_known_ones(refused):
    refused("no dataset 'nmaes' in the catalogue; it has names", "data", "show", "nmaes")
