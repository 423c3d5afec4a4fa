"""How and where to train, checked before training starts."""

from dataclasses import dataclass

import torch

from intro_lm.checks import require_choice, require_count, require_fraction, require_number


@dataclass(frozen=True)
class TrainingSettings:
    """How to train. The defaults are the baseline recipe of notebook 01.

    Args:
        steps: batches to train on.
        learning_rate: the highest rate of the schedule.
        optimizer: `adamw` or plain `sgd`.
        schedule: `one-cycle` rises linearly over the first `warmup` fraction of the steps and
            falls linearly to zero over the rest; `constant` stays.
        weight_decay: AdamW's decoupled decay, or SGD's L2 penalty.
        clip_norm: largest norm of all gradients together; None doesn't clip.
        log_every, evaluate_every, checkpoint_every: steps between two entries of the training
            loss, two evaluations, two checkpoints.
        seed: seeds random draws while training, such as dropout.
        device: `auto` takes CUDA or MPS, else the CPU; or any name PyTorch knows.
        precision: `float32`, `bfloat16` (autocast), or `auto`: bfloat16 on CUDA devices that have
            it and float32 elsewhere, so that all CPUs train alike.
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
        require_count(steps=self.steps, log_every=self.log_every)
        require_count(evaluate_every=self.evaluate_every, checkpoint_every=self.checkpoint_every)
        require_fraction(warmup=self.warmup)
        require_number(above=0, learning_rate=self.learning_rate)
        require_number(at_least=0, weight_decay=self.weight_decay)
        if self.clip_norm is not None:
            require_number(above=0, clip_norm=self.clip_norm)
        require_choice(("adamw", "sgd"), optimizer=self.optimizer)
        require_choice(("one-cycle", "constant"), schedule=self.schedule)
        require_choice(("auto", "float32", "bfloat16"), precision=self.precision)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of step number `step`, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        rise = self.warmup * self.steps
        if step < rise:
            return self.learning_rate * (step + 1) / (rise + 1)
        return self.learning_rate * (self.steps - step) / (self.steps - rise)


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is the machine's accelerator (CUDA, MPS), else its CPU."""
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used: {reason}; try 'auto'") from None


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of that name; `auto` is bfloat16 on CUDA devices that have it, else float32."""
    if name != "auto":
        return name
    bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if bfloat16 else "float32"
