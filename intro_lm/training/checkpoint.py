"""Checkpoints: one safetensors file with all that a run needs to go on exactly.

Tensors (weights, optimiser state, random state) are safetensors; everything else is JSON in the
file's header. Nothing is pickled, so loading a checkpoint never runs code.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from intro_lm.data import Batches
from intro_lm.training.settings import TrainingSettings

FILENAME = "checkpoint.safetensors"
FORMAT = "intro_lm checkpoint 2"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another run or model."""


class Position(NamedTuple):
    """How far a run is: all that the loop itself has to remember."""

    step: int = 0
    losses: Sequence[Tensor] = ()  # of the steps since the last entry of the history
    state: Tensor | None = None  # carried to the next batch
    entries: Sequence[dict[str, Any]] = ()  # the history so far, as plain data


@dataclass(frozen=True)
class Checkpoint:
    """One run's checkpoint: its file, model and optimiser, and what a resumed run must share.

    That is `run`, the settings and a fingerprint of the data, as plain values.
    """

    path: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    run: dict[str, Any]

    def save(self, position: Position) -> None:
        """Write model, optimiser, random state and position.

        Raises:
            OSError: the disk is full or the folder can't be written; the checkpoint before stays.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:  # plain SGD has None for its momentum
                    tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        tensors["random.cpu"] = torch.get_rng_state()
        device = next(self.model.parameters()).device
        if device.type != "cpu":
            tensors["random.device"] = torch.get_device_module(device).get_rng_state()
        if position.losses:
            tensors["losses"] = torch.stack(list(position.losses))
        if position.state is not None:
            tensors["state"] = position.state
        header = {"format": FORMAT, "step": position.step, "entries": position.entries}
        _replace(self.path, tensors, header | {"run": self.run})

    def restore(self) -> Position:
        """Put the saved state back into model, optimiser and random state.

        Raises:
            CheckpointError: the file is damaged, or another model's or another run's.
        """
        tensors, header = _read(self.path)
        ours, theirs = json.loads(json.dumps(self.run)), header["run"]
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                raise CheckpointError(
                    f"{self.path} is another run's: its {name} is {theirs.get(name)!r}, yours is "
                    f"{ours.get(name)!r}; choose another checkpoint_dir, or that run's settings"
                )
        _load_into(self.model, tensors, self.path)
        state: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state[int(index)][key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": dict(state), "param_groups": groups})
        device = next(self.model.parameters()).device
        torch.set_rng_state(tensors["random.cpu"])
        if "random.device" in tensors and device.type != "cpu":
            torch.get_device_module(device).set_rng_state(tensors["random.device"])
        losses = list(tensors["losses"].to(device)) if "losses" in tensors else []
        carried = tensors["state"].to(device) if "state" in tensors else None
        return Position(header["step"], losses, carried, header["entries"])


def open_checkpoint(
    folder: str | Path | None,
    resume: bool,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    settings: TrainingSettings,
    batches: Batches,
) -> Checkpoint | None:
    """The checkpoint in a run's folder, which is made if need be; None for a run without one."""
    if folder is None:
        if resume:
            raise ValueError("resume=True needs checkpoint_dir, the folder of the run to resume")
        return None
    path = Path(folder) / FILENAME
    if path.exists() and not resume:
        raise FileExistsError(
            f"{path} holds an earlier run; pass resume=True to go on with it, or choose another "
            "checkpoint_dir"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = [
        [len(group["params"]), group["relative_rate"], group["start"]]
        for group in optimizer.param_groups
    ]
    run = asdict(settings) | {"parameter_groups": groups, "data": batches.fingerprint()}
    return Checkpoint(path, model, optimizer, run)


def load_weights(path: str | Path, model: nn.Module) -> int:
    """Put the weights of a checkpoint, named by its file or folder, into a model of the same shape.

    Returns:
        The number of steps the weights were trained for.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, not a checkpoint, or another model's.
    """
    path = Path(path) / FILENAME if Path(path).is_dir() else Path(path)
    tensors, header = _read(path)
    _load_into(model, tensors, path)
    return int(header["step"])


def _replace(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write a file so that at every moment `path` holds the old content or the new."""
    # Copies, because safetensors refuses tensors that share memory or have gaps.
    whole = torch.contiguous_format
    copies = {n: t.detach().cpu().clone(memory_format=whole) for n, t in tensors.items()}
    payload = to_safetensors(copies, {name: json.dumps(value) for name, value in header.items()})
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kept = "the one before is kept" if path.exists() else "there is none before it"
        message = (
            f"the checkpoint could not be written ({error.strerror}); {kept}. Make room or choose "
            "another checkpoint_dir, then go on with resume=True"
        )
        raise OSError(error.errno, message, str(path)) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train with checkpoint_dir first")
    try:
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({error}): it is truncated, or something else. "
            "Pickled files are never loaded. Delete it and train again"
        ) from None
    if header.get("format") != FORMAT:
        found = header.get("format")
        raise CheckpointError(f"{path} has format {found!r}, not {FORMAT!r}; train again")
    return tensors, header


def _load_into(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    prefix = "model."
    theirs = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    try:
        model.load_state_dict(theirs)
    except RuntimeError as error:  # it names each weight that is missing, or of another shape
        raise CheckpointError(
            f"{path} is another model's; build the model with the sizes it was trained with. "
            f"{error}"
        ) from None
