"""Checkpoints: one safetensors file with all that a run needs to go on exactly.

Tensors (weights, optimiser state, random state) are safetensors; everything else is JSON in the
file's header. Nothing is pickled, so loading a checkpoint never runs code.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Checkpoint:
    """One run's checkpoint: its file, model and optimiser, and what a resumed run must share.

    That is `run`: the settings and a fingerprint of the data, as plain values.
    """

    path: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    run: dict[str, Any]

    def save(self, loop: dict[str, Tensor], position: dict[str, Any]) -> None:
        """Write model, optimiser and random state, the loop's own tensors, and its position.

        Raises:
            OSError: the disk is full or the folder can't be written; the checkpoint before stays.
        """
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:  # plain SGD has None for its momentum
                    tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        tensors |= {f"loop.{name}": tensor for name, tensor in loop.items()}
        tensors["random.cpu"] = torch.get_rng_state()
        device = next(self.model.parameters()).device
        if device.type != "cpu":
            tensors["random.device"] = torch.get_device_module(device).get_rng_state()
        # Copies, because safetensors refuses tensors that share memory or have gaps.
        whole = torch.contiguous_format
        copies = {n: t.detach().cpu().clone(memory_format=whole) for n, t in tensors.items()}
        header = {"format": FORMAT, "run": self.run, **position}
        _replace(self.path, to_safetensors(copies, {k: json.dumps(v) for k, v in header.items()}))

    def restore(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Put model, optimiser and random state back; returns what else `save` was given.

        Raises:
            CheckpointError: the file is damaged, or another model's or another run's.
        """
        parts, header = _read(self.path)
        ours, theirs = json.loads(json.dumps(self.run)), header["run"]
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                raise CheckpointError(
                    f"{self.path} is another run's: its {name} is {theirs.get(name)!r}, yours is "
                    f"{ours.get(name)!r}; choose another checkpoint_dir, or that run's settings"
                )
        _load_into(self.model, parts["model"], self.path)
        state: dict[int, dict[str, Tensor]] = defaultdict(dict)
        for name, tensor in parts["optimizer"].items():
            index, _, key = name.partition(".")
            state[int(index)][key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": dict(state), "param_groups": groups})
        device = next(self.model.parameters()).device
        torch.set_rng_state(parts["random"]["cpu"])
        if device.type != "cpu" and "device" in parts["random"]:
            torch.get_device_module(device).set_rng_state(parts["random"]["device"])
        return {name: tensor.to(device) for name, tensor in parts["loop"].items()}, header


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
    groups = [[len(g["params"]), g["relative_rate"], g["start"]] for g in optimizer.param_groups]
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
    parts, header = _read(path)
    _load_into(model, parts["model"], path)
    return int(header["step"])


def _replace(path: Path, payload: bytes) -> None:
    """Write a file so that at every moment `path` holds the old content or the new."""
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


def _read(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """The tensors by part and name, and the header."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train with checkpoint_dir first")
    parts: dict[str, dict[str, Tensor]] = defaultdict(dict)
    try:
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            for key in file.keys():  # noqa: SIM118
                part, _, name = key.partition(".")
                parts[part][name] = file.get_tensor(key)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({error}): it is truncated, or something else. "
            "Pickled files are never loaded. Delete it and train again"
        ) from None
    if header.get("format") != FORMAT:
        found = header.get("format")
        raise CheckpointError(f"{path} has format {found!r}, not {FORMAT!r}; train again")
    return parts, header


def _load_into(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:  # it names each weight that is missing, or of another shape
        remedy = "build the model with the sizes it was trained with"
        raise CheckpointError(f"{path} is another model's; {remedy}. {error}") from None
