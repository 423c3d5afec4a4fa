"""Values as checks see them: copied, shown in one short line, and compared.

Types are read with `type(value)`, never with `isinstance`, and the contents of a subclass with the
methods of its base: an answer may return an object that lies about its class, its shape or its
equality.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch

LONGEST = 160  # characters of a value that are shown
MOST = 60  # numbers of a tensor that are shown
TENSORS = (torch.Tensor, torch.nn.Parameter)


def copied(value: Any) -> Any:
    """A deep copy, also of generators and of tensors that stand inside a graph."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(copied(each) for each in value)
    if kind is dict:
        return {key: copied(each) for key, each in value.items()}
    if kind is torch.Generator:
        return value.clone_state()
    if kind is torch.Tensor:
        return value.detach().clone().requires_grad_(value.requires_grad)
    return copy.deepcopy(value)


def is_changed(after: Any, before: Any) -> bool:
    """Whether an argument differs from what it was; generators may move on."""
    if type(after) is not type(before):
        return True
    if type(before) in TENSORS:
        return after.shape != before.shape or not bool(
            torch.isclose(after, before, rtol=0, atol=0, equal_nan=True).all()
        )
    if type(before) in (list, tuple):
        return len(after) != len(before) or any(map(is_changed, after, before))
    if type(before) is dict:
        return list(after) != list(before) or any(is_changed(after[k], before[k]) for k in before)
    if isinstance(before, torch.nn.Module):
        return is_changed(dict(after.state_dict()), dict(before.state_dict()))
    return type(before) in (int, float, str, bool) and after != before and before == before


def plain(value: Any) -> Any:
    """A value as exact built-in types and plain tensors, or an `Unknown` that says what it is."""
    kind = type(value)
    if kind in TENSORS:
        with torch.no_grad():
            return value.detach().cpu()
    if kind in (int, float, str, bool, type(None)):
        return value
    if issubclass(kind, torch.Tensor):
        return Unknown(f"a {kind.__name__}, a kind of tensor of its own")
    if issubclass(kind, np.generic | np.ndarray):
        return plain(np.ndarray.tolist(value)) if kind is np.ndarray else plain(value.item())
    for base in (list, tuple):
        if issubclass(kind, base):
            return base(plain(each) for each in base.__iter__(value))
    if issubclass(kind, dict):
        return {plain(key): plain(each) for key, each in dict.items(value)}
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, float):
        return float.__float__(value)
    if issubclass(kind, int):
        return int.__int__(value)
    return Unknown(_article(kind.__name__))


class Unknown:
    """Something that checks don't look into."""

    def __init__(self, what: str) -> None:
        self.what = what


def show(value: Any) -> str:
    """A value in one short line that is the same on every machine."""
    value = plain(value)
    if type(value) in TENSORS:
        kind = str(value.dtype).removeprefix("torch.")
        if value.dim() == 0:
            return f"tensor({_text(value.tolist())})"
        if value.numel() <= MOST:
            text = _text(value.tolist())
            if len(text) <= LONGEST:
                return f"{text} (shape {tuple(value.shape)}, {kind})"
        return f"a tensor of shape {tuple(value.shape)}, {kind}"
    text = _text(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 2] + " …"


def difference(
    got: Any, expected: Any, tolerance: float = 1e-4, name: str = "it"
) -> tuple[str, dict[str, str]]:
    """What is wrong with `got` in one sentence, or "", and the first place that differs."""
    return _difference(plain(got), plain(expected), tolerance, name)


def _difference(got: Any, expected: Any, tolerance: float, name: str) -> tuple[str, dict[str, str]]:
    kind = type(expected)
    if kind in TENSORS:
        got = torch.tensor(got) if expected.dim() == 0 and type(got) in (int, float, bool) else got
        return _of_tensors(got, expected, tolerance, name)
    if type(got) in TENSORS and kind in (int, float, bool):
        if got.dim():
            shape = tuple(got.shape)
            return f"{_be(name)} a tensor of shape {shape}, and {_kind(expected)} is expected", {}
        got = got.item()
    if type(expected) in (list, tuple) and type(got) in (list, tuple):
        return _of_lists(got, expected, tolerance, name)
    if type(got) is int and kind is float:
        got = float(got)
    if type(got) is float and kind is int and got.is_integer():
        got = int(got)
    if type(got) is not kind:
        return f"{_be(name)} {_kind(got)}, and {_kind(expected)} is expected", {}
    if kind is dict:
        return _of_dicts(got, expected, tolerance, name)
    equal = _close(got, expected, tolerance) if kind is float else got == expected
    return ("" if equal else f"{_be(name)} {_text(got)} instead of {_text(expected)}"), {}


def _of_tensors(
    got: Any, expected: torch.Tensor, tolerance: float, name: str
) -> tuple[str, dict[str, str]]:
    if type(got) not in TENSORS:
        return f"{_be(name)} {_kind(got)}, and a torch.Tensor is expected", {}
    if got.shape != expected.shape:
        shapes = f"{tuple(got.shape)} instead of {tuple(expected.shape)}"
        return f"{_be(name)} a tensor of shape {shapes}", {}
    if _numbers(got) != _numbers(expected):
        return (
            f"{_be(name)} a tensor of {_numbers(got)}s, and {_numbers(expected)}s are expected",
            {},
        )
    if expected.is_complex():
        got, expected = torch.view_as_real(got), torch.view_as_real(expected)
    scale = expected.double().abs().nan_to_num(nan=0, posinf=0).clamp(min=1)
    a, b = got.double(), expected.double()
    near = ((a - b).abs() <= tolerance * scale) | (a == b) | (a.isnan() & b.isnan())
    if bool(near.all()):
        return "", {}
    place = (~near).nonzero()[0].tolist()
    here, there = _text(got[tuple(place)].item()), _text(expected[tuple(place)].item())
    count, total = int((~near).sum()), near.numel()
    shape_is_right = "the right shape and" if expected.dim() else ""
    problem = f"{_have(name)} {shape_is_right} the wrong values".replace("  ", " ")
    if not place:
        return problem, {}
    where = f"at {place}: expected {there}, got {here}"
    return problem, {"first difference": f"{where} ({count} of {total} differ)"}


def _of_lists(got: Any, expected: Any, tolerance: float, name: str) -> tuple[str, dict[str, str]]:
    if len(got) != len(expected):
        return f"{_have(name)} {len(got)} elements instead of {len(expected)}", {}
    for n, (mine, right) in enumerate(zip(got, expected, strict=True)):
        problem, places = _difference(mine, right, tolerance, _inside(name, n))
        if problem:
            return problem, places
    return "", {}


def _of_dicts(got: Any, expected: Any, tolerance: float, name: str) -> tuple[str, dict[str, str]]:
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    if missing or extra:
        lacks = f"lacks {_text(missing)}" if missing else ""
        has = f"has {_text(extra)}, which nobody asked for" if extra else ""
        subject = "it" if name == "it" else name
        return f"{subject} {' and '.join(filter(None, (lacks, has)))}".capitalize(), {}
    for key in expected:
        problem, places = _difference(got[key], expected[key], tolerance, _inside(name, key))
        if problem:
            return problem, places
    return "", {}


def _inside(name: str, key: Any) -> str:
    return f"element [{key!r}]" if name == "it" else f"{name}[{key!r}]"


def _be(name: str) -> str:
    return "It returned" if name == "it" else f"{name[0].upper()}{name[1:]} is"


def _have(name: str) -> str:
    return "What it returned has" if name == "it" else f"{name[0].upper()}{name[1:]} has"


def _close(a: float, b: float, tolerance: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or (math.isfinite(b) and abs(a - b) <= tolerance * max(1.0, abs(b)))


def _numbers(tensor: torch.Tensor) -> str:
    if tensor.dtype is torch.bool:
        return "truth value"
    return (
        "float" if tensor.is_floating_point() else "complex" if tensor.is_complex() else "integer"
    )


def _kind(value: Any) -> str:
    if type(value) is Unknown:
        return value.what
    if value is None:
        return "None"
    return "a torch.Tensor" if type(value) in TENSORS else _article(type(value).__name__)


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def _text(value: Any) -> str:
    """Like `repr`, with floats to six digits and tensors inside lists by their values."""
    kind = type(value)
    if kind is float:
        return f"{value:.6g}"
    if kind is list:
        return f"[{', '.join(map(_text, value))}]"
    if kind is tuple:
        return f"({', '.join(map(_text, value))}{',' * (len(value) == 1)})"
    if kind is dict:
        return f"{{{', '.join(f'{_text(k)}: {_text(v)}' for k, v in value.items())}}}"
    if kind in TENSORS:
        return show(value)
    return value.what if kind is Unknown else repr(value)
