"""How a training run goes, checked before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from intro_lm.checks import is_number, require_choice, require_count, require_fraction

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
        schedule: `one-cycle` rises linearly over the first `warmup` fraction of the steps and
            falls linearly to zero over the rest; `constant` stays.
        warmup: fraction of the steps, from 0 to below 1.
        weight_decay: AdamW's decoupled decay, or SGD's L2 penalty.
        clip_norm: largest norm of all gradients together; None leaves them alone.
        log_every: steps between entries of the training loss.
        evaluate_every: steps between evaluations on the validation batches.
        checkpoint_every: steps between checkpoints, where there is a folder for them.
        seed: seeds what a model draws at random while training (dropout).
        device: `auto` takes CUDA, then MPS, then the CPU; or any name PyTorch knows.
        precision: `float32`, `bfloat16` (autocast), or `auto`: bfloat16 on CUDA devices that have
            it and float32 everywhere else, so that all CPUs train alike.

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
        require_count(
            steps=self.steps,
            log_every=self.log_every,
            evaluate_every=self.evaluate_every,
            checkpoint_every=self.checkpoint_every,
        )
        require_fraction(warmup=self.warmup)
        require_choice(OPTIMIZERS, optimizer=self.optimizer)
        require_choice(SCHEDULES, schedule=self.schedule)
        require_choice(PRECISIONS, precision=self.precision)
        for name, value in {
            "learning_rate": self.learning_rate,
            "clip_norm": self.clip_norm,
        }.items():
            missing = name == "clip_norm" and value is None
            if not missing and not (is_number(value) and value > 0):  # type: ignore[operator]
                raise ValueError(f"{name} is {value!r}; it must be a number above 0")
        if not (is_number(self.weight_decay) and self.weight_decay >= 0):
            raise ValueError(
                f"weight_decay is {self.weight_decay!r}; it must be a number of at least 0"
            )

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of step number `step`, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        rise = self.warmup * self.steps
        if step < rise:
            return self.learning_rate * (step + 1) / (rise + 1)
        return self.learning_rate * (self.steps - step) / (self.steps - rise)
