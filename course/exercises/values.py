"""Values as checks see them: shown in one short line, and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

LONGEST = 160  # characters of a value that are shown


def plain(value: Any) -> Any:
    """A value with tensors detached and on the CPU, and NumPy's numbers as Python's."""

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            return leaf.detach().cpu()
        is_number = isinstance(leaf, np.ndarray | np.generic) and leaf.ndim == 0
        return leaf.item() if is_number else leaf

    return _with_leaves(convert, value)


def show(value: Any) -> str:
    """A value in one short line that is the same on every machine: floats have six digits."""
    value = plain(value)
    if isinstance(value, torch.Tensor) and value.dim():
        kind = f"shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"
        text = show(value.tolist()) if value.numel() <= LONGEST // 2 else "…"
        return f"a tensor of {kind}" if text.endswith("…") else f"{text} ({kind})"
    if isinstance(value, torch.Generator):
        return f"a generator of seed {value.initial_seed()}"
    text = " ".join(repr(_with_leaves(_rounded, value)).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"


def difference(got: Any, expected: Any, tolerance: float = 1e-4, name: str = "it") -> str:
    """What is wrong with `got` in one sentence, or "".

    A number may replace a tensor without dimensions, or the reverse; a list may replace a tuple.
    """
    got, expected = plain(got), plain(expected)
    verb, owner = ("It returned", "What it returned") if name == "it" else (f"{name} is", name)
    unlike = f"{verb} {_kind(got)}, but {_kind(expected)} is expected"
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        if len(got) != len(expected):
            return f"{owner} has {len(got)} elements instead of {len(expected)}"
        got, expected = dict(enumerate(got)), dict(enumerate(expected))
    if isinstance(expected, dict) and isinstance(got, dict):
        if got.keys() != expected.keys():
            return f"{owner} has the keys {show([*got])} instead of {show([*expected])}"
        for key in expected:
            element = f"Element [{key!r}]" if name == "it" else f"{name}[{key!r}]"
            if problem := difference(got[key], expected[key], tolerance, element):
                return problem
        return ""
    if not (_is_numeric(expected) and _is_numeric(got)):
        if type(got) is not type(expected):
            return unlike
        return "" if got == expected else f"{verb} {show(got)} instead of {show(expected)}"
    mine, right = torch.as_tensor(got), torch.as_tensor(expected)
    if mine.shape != right.shape:
        return unlike
    numbers, wanted = ("floats" if t.is_floating_point() else "integers" for t in (mine, right))
    if numbers != wanted and right.dim():
        return f"{verb} a tensor of {numbers}, but {wanted} are expected"
    near = torch.isclose(mine.double(), right.double(), tolerance, tolerance, equal_nan=True)
    if near.all():
        return ""
    if not right.dim():
        return f"{verb} {show(mine)} instead of {show(right)}"
    index = (~near).nonzero()[0].tolist()
    first = f"at {index}: {show(mine[tuple(index)])} instead of {show(right[tuple(index)])}"
    return f"{owner} has the right shape but the wrong values, first {first}"


def _with_leaves(change: Callable[[Any], Any], value: Any) -> Any:
    """A value with every leaf of its lists, tuples and dicts changed."""
    if isinstance(value, list | tuple):
        base = list if isinstance(value, list) else tuple
        return base(_with_leaves(change, each) for each in value)
    if isinstance(value, dict):
        return {key: _with_leaves(change, each) for key, each in value.items()}
    return change(value)


def _rounded(leaf: Any) -> Any:
    if isinstance(leaf, torch.Tensor):
        return _with_leaves(_rounded, leaf.tolist())
    return float(f"{leaf:.6g}") if isinstance(leaf, float) else leaf


def _is_numeric(value: Any) -> bool:
    return isinstance(value, torch.Tensor | int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    noun = type(value).__name__
    return "None" if value is None else f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"
