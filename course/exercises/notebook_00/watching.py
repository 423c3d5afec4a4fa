"""Notices when an answer calls what it should write itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.overrides import TorchFunctionMode


class Watch(TorchFunctionMode):
    """Notes whether one of these PyTorch functions is called."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        super().__init__()
        self.functions, self.seen = functions, False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.seen = self.seen or any(func is function for function in self.functions)
        return func(*args, **(kwargs or {}))
