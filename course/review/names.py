"""Which names a cell defines and which it takes from cells above, read from its source."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator
from typing import Any


def defined(source: str) -> set[str]:
    """The names that a cell binds, or changes in place by an index or attribute; no imports."""
    reader = _Reader(source)
    return (reader.scopes[0] | reader.changed) - imported(source)


def used(source: str) -> set[str]:
    """The names that a cell takes from cells above it, or from its imports."""
    reader = _Reader(source)
    # A function may use what is bound after its definition.
    later = {symbol.get_name() for symbol in _inner_globals(source) if symbol.is_referenced()}
    return (reader.used | (later - reader.scopes[0])) - (set(vars(builtins)) - {"_"})


def imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements at a cell's top level."""
    return [s for s in ast.parse(source).body if isinstance(s, ast.Import | ast.ImportFrom)]


def imported(source: str) -> set[str]:
    """The names that those bind; `*` for all names of a module."""
    return {alias.asname or alias.name.split(".")[0] for s in imports(source) for alias in s.names}


def _inner_globals(source: str) -> Iterator[symtable.Symbol]:
    """The global names in the functions, classes and comprehensions of a cell."""
    tables = list(symtable.symtable(source, "cell", "exec").get_children())
    while tables:
        table = tables.pop()
        yield from (symbol for symbol in table.get_symbols() if symbol.is_global())
        tables += table.get_children()


class _Reader(ast.NodeVisitor):
    """Visits a cell in the order in which Python evaluates it, but no bodies of functions."""

    def __init__(self, source: str) -> None:
        self.used: set[str] = set()
        self.changed: set[str] = set()  # in place
        self.scopes: list[set[str]] = [set()]  # bound: in the cell, in a class or comprehension
        self.visit(ast.parse(source))
        self.scopes[0] |= {
            symbol.get_name()
            for symbol in _inner_globals(source)
            if symbol.is_declared_global() and symbol.is_assigned()
        }

    def _visit(self, *parts: Any) -> None:
        for part in parts:
            for node in part if isinstance(part, list) else [part]:
                if node is not None:
                    self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.scopes[-1].add(node.id)
        elif not any(node.id in scope for scope in self.scopes):
            self.used.add(node.id)

    def _visit_in_place(self, node: ast.Subscript | ast.Attribute) -> None:
        root: ast.expr = node
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        if isinstance(node.ctx, ast.Store) and isinstance(root, ast.Name):
            self.changed.add(root.id)
        self.generic_visit(node)

    visit_Subscript = visit_Attribute = _visit_in_place

    def visit_Assign(self, node: ast.Assign) -> None:
        self._visit(node.value, node.targets)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.Name(node.target.id, ast.Load()))
        self._visit(node.value, node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.scopes[0].add(node.target.id)

    def _visit_for(self, node: ast.For | ast.AsyncFor | ast.comprehension) -> None:
        rest = [node.ifs] if isinstance(node, ast.comprehension) else [node.body, node.orelse]
        self._visit(node.iter, node.target, *rest)

    visit_For = visit_AsyncFor = visit_comprehension = _visit_for

    def _visit_comprehension(self, node: Any) -> None:
        self.scopes.append(set())
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._visit(node.generators, *results)
        self.scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit(node.decorator_list, node.args, node.returns)
        self.scopes[-1].add(node.name)

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit(node.decorator_list, node.bases, node.keywords)
        self.scopes.append(set())
        self._visit(node.body)
        self.scopes.pop()
        self.scopes[-1].add(node.name)

    def visit_alias(self, node: ast.alias) -> None:
        self.scopes[-1].add(node.asname or node.name.split(".")[0])

    def _visit_capture(self, node: Any) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            self.scopes[-1].add(name)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_MatchMapping = visit_ExceptHandler = _visit_capture
