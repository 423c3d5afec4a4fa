"""Which names a cell defines and which it takes from cells above, read from its source."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def defined(source: str) -> set[str]:
    """The names that a cell binds, or changes in place by an index or attribute; no imports."""
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name.split(".")[0] for s in imports(source) for alias in s.names
    }
    return set().union(*(_bound(statement) for statement in tree.body)) - imported


def used(source: str) -> set[str]:
    """The names that a cell takes from cells above it, or from its imports."""
    free: set[str] = set()
    bound = {name for name in vars(builtins) if name != "_"}
    inside = _used_in_functions(source)
    for statement in _in_order(ast.parse(source).body):
        free |= _loaded(statement) - bound
        bound |= _bound(statement) - free
    return free | (inside - bound)


def imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements that stand at a cell's top level."""
    return [s for s in ast.parse(source).body if isinstance(s, ast.Import | ast.ImportFrom)]


def _in_order(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements and heads of blocks as they are executed."""
    for statement in body:
        match statement:
            case ast.For():
                yield from (statement.iter, statement.target)
            case ast.While() | ast.If():
                yield statement.test
            case ast.With():
                yield from statement.items
            case ast.Try():
                pass
            case _:
                yield statement
                continue
        for part in ("body", "handlers", "orelse", "finalbody"):
            for inner in getattr(statement, part, []):
                yield from _in_order(
                    inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                )


def _bound(node: ast.AST) -> set[str]:
    """The names that a node binds or changes in place."""
    names: set[str] = set()
    inside = list(_outside_functions(node))
    own = {  # the targets of comprehensions, which nothing outside sees
        id(name)
        for part in inside
        if isinstance(part, ast.comprehension)
        for name in ast.walk(part.target)
    }
    for inner in inside:
        if id(inner) in own:
            continue
        match inner:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(inner.name)
                names |= {n for g in ast.walk(inner) if isinstance(g, ast.Global) for n in g.names}
            case ast.ClassDef():
                own |= {id(name) for part in inner.body for name in ast.walk(part)}
                names.add(inner.name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                names.add(name)
            case ast.alias():
                names.add(inner.asname or inner.name.split(".")[0])
            case ast.Name(ctx=ast.Store()):
                names.add(inner.id)
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                root: ast.expr = inner
                while isinstance(root, ast.Subscript | ast.Attribute):
                    root = root.value
                names |= {root.id} if isinstance(root, ast.Name) else set()
    return names


def _loaded(node: ast.AST) -> set[str]:
    """The names that a node reads, without those of its own comprehensions and classes."""
    inner = list(_outside_functions(node))
    own = {
        name.id
        for part in inner
        if isinstance(part, ast.comprehension)
        for name in ast.walk(part.target)
        if isinstance(name, ast.Name)
    }
    own |= {
        name.id
        for part in inner
        if isinstance(part, ast.ClassDef)
        for name in ast.walk(part)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    read = {
        part.id for part in inner if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }
    changed = {
        part.target.id
        for part in inner
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name)
    }
    return (read - own) | changed


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all inside it, but not the bodies of functions, which run later."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, FUNCTIONS) and name in ("body", "args"):
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST):
                yield from _outside_functions(inner)


def _used_in_functions(source: str) -> set[str]:
    """The global names that the functions of a cell read, their annotations and defaults too."""
    names: set[str] = set()
    tables = list(symtable.symtable(source, "cell", "exec").get_children())
    while tables:
        table = tables.pop()
        names |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables += table.get_children()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            names |= {n.id for n in ast.walk(node.args) if isinstance(n, ast.Name)}
    return names
