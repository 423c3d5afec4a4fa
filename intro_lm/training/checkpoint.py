"""Checkpoints: one safetensors file with all a run needs to resume exactly.

Tensors (weights, optimiser state, random state) are safetensors; everything else is JSON in the
file's header. Nothing is pickled, so loading a checkpoint never runs code.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from intro_lm.data import Batches
from intro_lm.training.lock import lock
from intro_lm.training.settings import TrainingSettings

FILENAME = "checkpoint.safetensors"
FORMAT = "intro_lm checkpoint 2"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another run or model."""


@dataclass(frozen=True)
class Checkpoint:
    """A run's file, its model and optimiser, and the settings and data that must not change."""

    path: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    run: dict[str, Any]

    def save(self, loop: dict[str, Tensor | None], **position: Any) -> None:
        """Write model, optimiser and random state, the loop's own tensors, and its position."""
        named = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            named |= {f"optimizer.{index}.{name}": tensor for name, tensor in state.items()}
        named |= {f"loop.{name}": tensor for name, tensor in loop.items()}
        named |= {f"random.{name}": g.get_rng_state() for name, g in self._generators().items()}
        tensors = {  # copies, because safetensors refuses tensors that share memory or have gaps
            name: tensor.detach().cpu().contiguous().clone()
            for name, tensor in named.items()
            if tensor is not None  # such as the momentum of plain SGD
        }
        header = {"format": FORMAT, "run": self.run} | position
        metadata = {name: json.dumps(value) for name, value in header.items()}
        # Moved into place when complete: the file always holds the old or the new checkpoint.
        partial = self.path.with_name(self.path.name + ".partial")
        try:
            with partial.open("wb") as file:
                file.write(to_safetensors(tensors, metadata))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)  # after an error, such as a full disk

    def restore(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Restore model, optimiser and random state; returns the loop's tensors and the header."""
        parts, header = _read(self.path)
        for name, ours in self.run.items():
            if ours != (theirs := header["run"].get(name)):
                raise CheckpointError(
                    f"{self.path} is another run's: its {name} is {theirs!r}, yours is {ours!r}; "
                    "choose another checkpoint_dir, or that run's settings"
                )
        load_weights(self.path, self.model)
        state: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for key, tensor in parts["optimizer"].items():
            index, name = key.split(".")
            state[int(index)][name] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        for name, where in self._generators().items():
            if name in parts["random"]:  # a run may change its device
                where.set_rng_state(parts["random"][name])
        device = next(self.model.parameters()).device
        return {name: tensor.to(device) for name, tensor in parts["loop"].items()}, header

    def _generators(self) -> dict[str, Any]:
        """Where PyTorch keeps random state: for the CPU, and for the model's own device."""
        device = next(self.model.parameters()).device
        others = {} if device.type == "cpu" else {"device": torch.get_device_module(device)}
        return {"cpu": torch, **others}


@contextmanager
def open_checkpoint(
    folder: str | Path,
    resume: bool,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    batches: Batches,
) -> Iterator[Checkpoint]:
    """The checkpoint in a run's folder, created if needed and locked."""
    path = Path(folder) / FILENAME
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [[len(g["params"]), g["relative_rate"], g["start"]] for g in optimizer.param_groups]
    run = asdict(settings) | {"parameter_groups": groups, "data": batches.fingerprint()}
    with lock(path.with_name(".checkpoint.lock")):
        if path.exists() and not resume:
            raise FileExistsError(
                f"{path} holds an earlier run; pass resume=True to go on with it, or choose "
                "another checkpoint_dir"
            )
        yield Checkpoint(path, model, optimizer, run)


def load_weights(path: str | Path, model: nn.Module) -> int:
    """Load a checkpoint's weights, from its file or folder, into a model; returns its step."""
    path = Path(path) / FILENAME if Path(path).is_dir() else Path(path)
    parts, header = _read(path)
    try:
        model.load_state_dict(parts["model"])
    except RuntimeError as error:  # it names each missing weight or wrong shape
        remedy = "build the model with the sizes it was trained with"
        raise CheckpointError(f"{path} is another model's; {remedy}. {error}") from None
    return header["step"]


def _read(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors by part and name, and the header."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train with checkpoint_dir first")
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    try:
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            if header.get("format") != FORMAT:
                raise ValueError(f"its format is {header.get('format')!r}, not {FORMAT!r}")
            for key in file.keys():  # noqa: SIM118
                part, _, name = key.partition(".")
                parts[part][name] = file.get_tensor(key)
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({error}): it is truncated or another file. "
            "Pickled files are never loaded. Delete it and train again"
        ) from None
    return parts, header
