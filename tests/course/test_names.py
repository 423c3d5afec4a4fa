"""Which names a cell takes from cells above, and which it gives to those below."""

import pytest

from course.names import defined, used


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("x = 1\ny = x", ""),
        ("x = x + 1", "x"),
        ("x += 1", "x"),
        ("for a in b:\n    c = a\nprint(c)", "b"),
        ("[a for a in b]", "b"),
        ("def f(a: T = d):\n    local = a\n    return g(local) + later\nlater = 1", "T d g"),
        ("model.weight[0] = 1", "model"),
        ("def make(name):\n    def hook(m, i, o, name=name):\n        return name", ""),
        ("class A:\n    size = 3\n    def f(self, n=size):\n        return n", ""),
        ("def f():\n    class T: ...\n    x: T = T()\n    def g(y: T): ...", ""),
        ("def f(size: int):\n    x: Strange = size", ""),  # such annotations are never evaluated
    ],
)
def test_a_cell_uses_what_it_does_not_bind_before(source, names):
    assert used(source) == set(names.split())


def test_changing_a_thing_in_place_counts_as_defining_it():
    assert defined("model.weight[0] = 1") == {"model"}
    assert defined("def f(a):\n    a.b = 1") == {"f"}
    assert defined("import a\nfrom b import c\nd = a") == {"d"}
