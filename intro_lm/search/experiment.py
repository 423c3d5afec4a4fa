"""What one trial of a sweep does: train a model on a dataset with given hyperparameters."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch
from optuna.exceptions import TrialPruned
from optuna.trial import Trial

from intro_lm import data
from intro_lm.checks import arguments_of, require_choice, require_count
from intro_lm.data import PaddedBatches, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP, MODELS, RecurrentLM
from intro_lm.search.space import Parameters
from intro_lm.training import History, Tracker, TrainingSettings, train

WINDOWS, TEXTS = 1024, 256  # in a batch, by default
NOT_SEARCHED = ("seed", "device", "log_every", "checkpoint_every")
DEFAULTS: Parameters = {}  # what isn't named keeps its default


@dataclass
class TrialLogger:
    """Passes losses on to TensorBoard and to Optuna's pruner, which may end the trial.

    If an objective sets `steps`, the length of the whole training, trials are compared at equal
    percentages of it, not at equal steps.
    """

    trial: Trial
    tracker: Tracker | None = None
    steps: int | None = None
    reported: int = -1

    def start(self, step: int) -> None:
        """Take the step after which training begins."""
        if self.tracker is not None:
            self.tracker.start(step)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Take the named values of one step."""
        if self.tracker is not None:
            self.tracker.log(step, scalars)
        point = 100 * step // self.steps if self.steps else step
        if "loss/validation" in scalars and point > self.reported:  # Optuna takes one per point
            self.reported = point
            self.trial.report(scalars["loss/validation"], point)
            if step != self.steps and self.trial.should_prune():
                raise TrialPruned(f"pruned after step {step}")


@dataclass(frozen=True)
class Experiment:
    """A sweep's objective: from hyperparameters to the validation loss at the end of training.

    Hyperparameters are the model's sizes, `batch_size`, and fields of `TrainingSettings`. What is
    neither fixed nor given has its default.

    Args:
        dataset: a name of the catalogue; the model reads its characters.
        model: a name of `intro_lm.models.MODELS`. A model with a context length reads batches of
            1024 windows by default; any other reads batches of 256 whole texts.
        fixed: hyperparameters that every trial shares.
        seed: for the initial weights and the order of batches, the same in every trial.
    """

    dataset: str = "names"
    model: str = "mlp"
    fixed: Parameters = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self.require(DEFAULTS)

    def require(self, parameters: Parameters) -> TrainingSettings:
        """The settings among all hyperparameters; a `ValueError` names one that can't be used."""
        known, chosen = hyperparameters(self.model), {**self.fixed, **parameters}
        for name, value in chosen.items():
            if name not in known:
                there_are = ", ".join(sorted(known))
                raise ValueError(f"{name} is not a hyperparameter; there are {there_are}")
            if known[name] is int:
                require_count(**{name: value})
        searched = arguments_of(TrainingSettings)
        given: dict[str, Any] = {n: value for n, value in chosen.items() if n in searched}
        every = given.get("evaluate_every", TrainingSettings.evaluate_every)
        return TrainingSettings(**given, seed=self.seed, log_every=every)

    def loss(self, parameters: Parameters = DEFAULTS, *more: Any, **named: Any) -> float:
        """The validation loss after one training. The arguments are those of `fit`."""
        return self.fit(parameters, *more, **named)[1].validation_loss

    __call__ = loss

    def fit(
        self,
        parameters: Parameters = DEFAULTS,
        logger: TrialLogger | None = None,
        seed: int | None = None,
    ) -> tuple[MLP | RecurrentLM, History]:
        """Train once, with a seed in place of the experiment's; the logger gets the losses."""
        if seed is not None:
            return replace(self, seed=seed).fit(parameters, logger)
        settings = self.require(parameters)
        if logger is not None:
            logger.steps = settings.steps
        chosen: dict[str, Any] = {**self.fixed, **parameters}
        make_model = MODELS[self.model]
        sizes = {name: chosen[name] for name in chosen.keys() & arguments_of(make_model)}
        generator = torch.Generator().manual_seed(self.seed)
        model = make_model(len(_corpus(self.dataset)[1]), **sizes, generator=generator)
        batches = _batches(self.dataset, "train", model.context_length)
        batch_size = chosen.get("batch_size", batches.batch_size)
        batches = replace(batches, batch_size=batch_size, seed=self.seed)
        validation = _batches(self.dataset, "validation", model.context_length)
        return model, train(
            model, batches, settings, validation=validation, tracker=logger, progress=False
        )

    def evaluate(self, model: MLP | RecurrentLM, part: str) -> float:
        """A trained model's loss on the split `validation` or `test`, in nats per token."""
        batches = _batches(self.dataset, part, model.context_length)
        return evaluate(model, batches.to(next(model.parameters()).device).epoch(0))


def hyperparameters(model: str = "mlp") -> dict[str, type]:
    """Every hyperparameter of an experiment with this model, and its type."""
    require_choice(MODELS, model=model)
    sizes, settings = arguments_of(MODELS[model]), arguments_of(TrainingSettings)
    known = {**sizes, "batch_size": (int, None), **settings}
    return {name: kind for name, (kind, _) in known.items() if name not in NOT_SEARCHED}


@lru_cache(maxsize=24)
def _batches(dataset: str, part: str, context_length: int | None) -> WindowBatches | PaddedBatches:
    """A split as the model reads it; only the training split is shuffled."""
    texts, vocabulary = _corpus(dataset)
    shuffle = part == "train"
    if context_length is None:
        return PaddedBatches.from_texts(vocabulary, texts[part], TEXTS, shuffle=shuffle)
    windows = context_windows(vocabulary, texts[part], context_length)
    return WindowBatches(*windows, WINDOWS if shuffle else 8 * WINDOWS, shuffle)


@lru_cache(maxsize=1)
def _corpus(dataset: str) -> tuple[dict[str, list[str]], Vocabulary]:
    """The splits, and every character in them, so that no split holds an unknown one."""
    corpus = data.load(dataset)
    texts = {part: list(corpus[part]["text"]) for part in ("train", "validation", "test")}
    return texts, Vocabulary.from_texts(itertools.chain.from_iterable(texts.values()))
