"""The pages of `make notebooks` can be read without a network."""

import re
from typing import Any

import nbformat
import pytest

from course.notebooks.execute import SOURCE
from course.notebooks.html import as_html


def page(markdown: str, **more: Any) -> str:
    cells = [nbformat.v4.new_markdown_cell(markdown, **more)]
    return as_html(nbformat.v4.new_notebook(cells=cells)).partition("<main>")[2]


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        (r"a loss of $\log 27$ nats", "27</mn>"),
        (r"$$\frac{a}{b}$$", "<mfrac>"),
        ("$$\\begin{aligned}\nf &= a \\\\\nc' &= b\n\\end{aligned}$$", "<mtr>"),
    ],
)
def test_formulas_are_mathml(markdown, found):
    html = page(markdown)
    assert found in html
    assert "$" not in html
    assert "&amp;" not in html


@pytest.mark.parametrize("formula", [r"$\frac$", "$a_b_c$", "$$a^$$"])
def test_a_formula_with_a_mistake_is_left_as_it_was_typed(formula):
    assert formula in page(formula)


def test_code_keeps_its_dollars():
    assert "<code>echo $HOME $PATH</code>" in page("`echo $HOME $PATH`")


def test_a_pasted_picture_is_in_the_page():
    pasted = {"a.png": {"image/png": "iVBORw0KGgo="}}
    assert "base64,iVBORw0KGgo=" in page("![a](attachment:a.png)", attachments=pasted)


def test_no_page_asks_a_server():
    for path in SOURCE.glob("[0-9]*.ipynb"):
        html = as_html(nbformat.read(path, as_version=4))
        assert not re.findall(r'src="https?://', html)
        assert "merror" not in html
