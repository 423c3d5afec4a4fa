"""What a training run can be told, checked before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("one-cycle", "constant")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. The defaults are the baseline recipe of notebook 01.

    Args:
        steps: batches to train on.
        learning_rate: the highest rate of the schedule.
        optimizer: `adamw` or plain `sgd`.
        schedule: `one-cycle` rises linearly over the first `warmup` share of the steps and falls
            linearly to zero over the rest; `constant` stays.
        warmup: share of the steps, from 0 to below 1.
        weight_decay: AdamW's decoupled decay, or SGD's L2 penalty.
        clip_norm: largest norm of all gradients together; None leaves them alone.
        log_every: steps between records of the training loss.
        evaluate_every: steps between evaluations on the validation batches.
        checkpoint_every: steps between checkpoints, where there is a folder for them.
        seed: seeds what a model draws at random while training (dropout).
        device: `auto` takes CUDA, then MPS, then the CPU; or any name PyTorch knows.
        precision: `float32`, `bfloat16` (autocast), or `auto`, which is bfloat16 on CUDA devices
            that have it, and for recurrent models also on CPUs with AMX or AVX512-BF16; float32
            elsewhere.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    steps: int = 1000
    learning_rate: float = 0.02
    optimizer: str = "adamw"
    schedule: str = "one-cycle"
    warmup: float = 0.1
    weight_decay: float = 0.0
    clip_norm: float | None = None
    log_every: int = 50
    evaluate_every: int = 250
    checkpoint_every: int = 250
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "log_every", "evaluate_every", "checkpoint_every"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
        if not (is_number(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(
                f"learning_rate is {self.learning_rate!r}; it must be a number above 0, say 0.01"
            )
        if not (is_number(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                f"weight_decay is {self.weight_decay!r}; it must be a number of at least 0"
            )
        if not (is_number(self.warmup) and 0 <= self.warmup < 1):
            raise ValueError(f"warmup is {self.warmup!r}; it must be a share from 0 to below 1")
        if self.clip_norm is not None and not (is_number(self.clip_norm) and self.clip_norm > 0):
            raise ValueError(
                f"clip_norm is {self.clip_norm!r}; it must be a number above 0, or None"
            )
        for name, known in {
            "optimizer": OPTIMIZERS,
            "schedule": SCHEDULES,
            "precision": PRECISIONS,
        }.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; use one of {', '.join(known)}"
                )

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of step number `step`, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        rise = self.warmup * self.steps
        if step < rise:
            return self.learning_rate * (step + 1) / (rise + 1)
        return self.learning_rate * (self.steps - step) / (self.steps - rise)


def is_number(value: object) -> bool:
    """Whether a setting is a finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
