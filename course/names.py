"""Which names a cell defines and which it takes from cells above, read from its bytecode.

The cell is compiled and never run. Python's own compiler knows the scopes of comprehensions,
classes, defaults and annotations, so nothing here has to.
"""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import warnings
from types import CodeType

READS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
NO_NAMES = (vars(builtins).keys() - {"_"}) | {"__annotations__", "__conditional_annotations__"}
AT_ONCE = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}  # functions that run where written


def defined(source: str) -> set[str]:
    """The names that a cell binds, or changes in place by an index or attribute; no imports."""
    changed = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            root: ast.expr = node
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            changed |= {root.id} if isinstance(root, ast.Name) else set()
    reads, binds = _read(source)
    return (binds | (changed & reads)) - imported(source)


def used(source: str) -> set[str]:
    """The names that a cell takes from cells above it, or from its imports."""
    return _read(source)[0] - NO_NAMES


def imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    """The import statements at a cell's top level."""
    return [s for s in ast.parse(source).body if isinstance(s, ast.Import | ast.ImportFrom)]


def imported(source: str) -> set[str]:
    """The names that those bind; `*` for all names of a module."""
    return {alias.asname or alias.name.split(".")[0] for s in imports(source) for alias in s.names}


def _read(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell uses and doesn't bind before, and those that it binds."""
    now: set[str] = set()
    later: set[str] = set()  # in functions, which may use what is bound after their definition
    bound: set[str] = set()

    def scan(code: CodeType, scope: set[str], at_once: bool) -> None:
        for step in dis.get_instructions(code):
            name = step.argval
            if isinstance(name, CodeType):
                is_class = not name.co_flags & inspect.CO_OPTIMIZED
                scan(name, set(), at_once and (is_class or name.co_name in AT_ONCE))
            elif step.opname == "STORE_NAME":
                scope.add(name)
            elif step.opname == "STORE_GLOBAL":
                bound.add(name)
            elif step.opname in READS and name not in scope:
                if not at_once:
                    later.add(name)
                elif name not in bound:
                    now.add(name)

    with warnings.catch_warnings(action="ignore"):
        code = compile(source, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    scan(code, bound, at_once=True)
    return now | (later - bound), bound
