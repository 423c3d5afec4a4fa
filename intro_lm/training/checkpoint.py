"""Checkpoints: one safetensors file that holds all a run needs to go on exactly.

Tensors (weights, optimiser state, random state) are safetensors; everything else is JSON in the
file's header. Nothing is pickled, so loading a checkpoint never runs code.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from intro_lm.data import Batches
from intro_lm.training.device import get_random_state, set_random_state

FILENAME = "checkpoint.safetensors"
FORMAT = "intro_lm checkpoint 1"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or belongs to another run or model."""


class Checkpoint:
    """The checkpoint of one run in one folder.

    Args:
        folder: where it lies; made if need be.
        model: the weights.
        optimizer: its state tensors.
        settings: how the run was told to train, as plain data; a resumed run must match.
        batches: what it trains on; a resumed run must match.

    Raises:
        OSError: the folder can't be made or written to.
    """

    def __init__(
        self,
        folder: str | Path,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        settings: dict[str, Any],
        batches: Batches,
    ) -> None:
        self.folder = Path(folder)
        self.path = self.folder / FILENAME
        self.model = model
        self.optimizer = optimizer
        self.run = {"settings": settings, "data": batches.fingerprint()}
        _require_writable(self.folder)

    def exists(self) -> bool:
        return self.path.exists()

    def save(
        self,
        step: int,
        losses: list[Tensor],
        carried: Tensor | None,
        records: list[dict[str, Any]],
    ) -> None:
        """Write the run's state, replacing the checkpoint before only once all is on disk.

        Args:
            step: steps done.
            losses: of the steps since the last record.
            carried: the state that a recurrent model hands to the next batch, if any.
            records: the history so far, as plain data.

        Raises:
            OSError: the disk is full or the folder can't be written; the checkpoint before stays.
        """
        state = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:  # plain SGD keeps a None where momentum would stand
                    state[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
        state["random.cpu"] = torch.get_rng_state()
        device = next(self.model.parameters()).device
        if device.type != "cpu":
            state["random.device"] = get_random_state(device)
        if losses:
            state["losses"] = torch.stack(losses)
        if carried is not None:
            state["carried"] = carried
        header = {"format": FORMAT, "step": step, "records": records, **self.run}
        # Copies, because safetensors refuses tensors that share memory or have gaps.
        whole = torch.contiguous_format
        tensors = {n: t.detach().cpu().clone(memory_format=whole) for n, t in state.items()}
        payload = to_safetensors(tensors, {name: json.dumps(item) for name, item in header.items()})
        _replace(self.path, payload)

    def restore(
        self, device: torch.device
    ) -> tuple[int, list[Tensor], Tensor | None, list[dict[str, Any]]]:
        """Put the saved state back into model, optimiser and random state.

        Returns:
            What `save` was given: steps done, losses since the last record, carried state, records.

        Raises:
            CheckpointError: the file is damaged, or is another model's or another run's.
        """
        tensors, header = _read(self.path)
        _require_same_run(self.path, header, self.run)
        _load_into(self.model, tensors, self.path)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimizer."):
                _, index, key = name.split(".", 2)
                state.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random.cpu"])
        if device.type != "cpu" and "random.device" in tensors:
            set_random_state(device, tensors["random.device"])
        losses = list(tensors["losses"].to(device)) if "losses" in tensors else []
        carried = tensors["carried"].to(device) if "carried" in tensors else None
        return header["step"], losses, carried, header["records"]


def load_weights(path: str | Path, model: nn.Module) -> int:
    """Put a checkpoint's weights into a model of the same shape.

    Args:
        path: a checkpoint, or the folder it lies in.
        model: receives the weights.

    Returns:
        The number of steps the weights were trained for.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is damaged, not a checkpoint, or another model's.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILENAME
    tensors, header = _read(path)
    _load_into(model, tensors, path)
    return int(header["step"])


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            error.errno,
            f"no checkpoint could be written here ({error.strerror}); choose another "
            "checkpoint_dir, one that is a folder you may write to",
            str(folder),
        ) from None


def _replace(path: Path, payload: bytes) -> None:
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
        raise OSError(
            error.errno,
            f"the checkpoint could not be written ({error.strerror}); {kept}. "
            "Make room or choose another checkpoint_dir, then go on with resume=True",
            str(path),
        ) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train with checkpoint_dir first")
    try:
        with safe_open(path, framework="pt") as file:
            header = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({error}): it is truncated, or was written by "
            "something else. Pickled files are never loaded. Delete it and train again"
        ) from None
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} says format {header.get('format')!r}, and this version reads {FORMAT!r}; "
            "delete it and train again"
        )
    return tensors, header


def _require_same_run(path: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    ours = {**expected["settings"], "data": expected["data"]}
    theirs = {**found["settings"], "data": found["data"]}
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise CheckpointError(
                f"{path} is another run's: its {name} is {theirs.get(name)!r}, yours is "
                f"{ours.get(name)!r}; choose another checkpoint_dir, or the settings of that run"
            )


def _load_into(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    prefix = "model."
    theirs = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    ours = model.state_dict()
    for name in sorted(ours.keys() | theirs.keys()):
        shapes = [tuple(s[name].shape) if name in s else "absent" for s in (theirs, ours)]
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"{path} is another model's: its {name} is {shapes[0]}, this model's is "
                f"{shapes[1]}; build the model with the sizes it was trained with"
            )
    model.load_state_dict(theirs)
