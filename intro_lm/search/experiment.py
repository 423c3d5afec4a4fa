"""What one trial of a sweep does: train a model on a dataset with given hyperparameters."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from intro_lm import data
from intro_lm.checks import require_choice, require_count
from intro_lm.data import PaddedBatches, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP, MODELS, RecurrentLM
from intro_lm.search.space import Value, fits
from intro_lm.training import History, Logger, TrainingSettings, train

if TYPE_CHECKING:
    from intro_lm.search.trials import TrialLogger

WINDOWS, TEXTS = 1024, 256  # in a batch, by default
EVALUATION_FACTOR = 8  # times as many without gradients
NOT_SEARCHED = ("seed", "device", "log_every", "checkpoint_every")


@dataclass(frozen=True)
class Experiment:
    """A model, trained on one dataset's characters and evaluated on its validation split.

    Its hyperparameters are the model's sizes, those of `TrainingSettings`, and `batch_size`. What
    is neither fixed nor searched has its default. Called with hyperparameters it trains and
    returns the validation loss after the last step, which makes it a sweep's objective.

    Args:
        dataset: a name of the catalogue.
        model: a name of `intro_lm.models.MODELS`. A model with a context length reads batches of
            1024 windows by default; any other reads batches of 256 whole texts.
        fixed: hyperparameters that every trial shares.
        seed: of the initial weights and the order of the batches, the same in every trial.

    Raises:
        ValueError: the model or a fixed hyperparameter is unknown, or the latter has the wrong type
            or is out of its range; the message names it.
    """

    dataset: str = "names"
    model: str = "mlp"
    fixed: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        self.require({})

    @property
    def known(self) -> dict[str, type]:
        """The hyperparameters that can be searched, and their types."""
        every = hyperparameters(self.model)
        return {name: kind for name, kind in every.items() if name not in self.fixed}

    def require(self, parameters: Mapping[str, Value]) -> None:
        """Raise `ValueError` for hyperparameters that nothing can be trained with."""
        known = hyperparameters(self.model)
        chosen = {**self.fixed, **parameters}
        for name, value in chosen.items():
            if name not in known:
                raise ValueError(
                    f"{name} is not a hyperparameter; there are {', '.join(sorted(known))}"
                )
            if not fits(value, known[name]):
                raise ValueError(f"{name} is {value!r}; its type is {known[name].__name__}")
            if known[name] is int:
                require_count(**{name: value})
        self._settings(chosen, self.seed)

    def __call__(self, parameters: Mapping[str, Value], logger: TrialLogger | None = None) -> float:
        if logger is not None:
            logger.steps = self._settings({**self.fixed, **parameters}, self.seed).steps
        return self.fit(parameters, logger=logger)[1].validation_loss

    def loss(
        self, parameters: Mapping[str, Value] | None = None, *, seed: int | None = None
    ) -> float:
        """The validation loss after one training, with a seed in place of the experiment's own."""
        return self.fit(parameters, seed=seed)[1].validation_loss

    def fit(
        self,
        parameters: Mapping[str, Value] | None = None,
        *,
        seed: int | None = None,
        logger: Logger | None = None,
    ) -> tuple[MLP | RecurrentLM, History]:
        """Train once.

        Args:
            parameters: hyperparameters besides the fixed ones.
            seed: in place of the experiment's own.
            logger: gets the losses while training.
        """
        self.require(parameters or {})
        chosen: dict[str, Any] = {**self.fixed, **(parameters or {})}
        seed = self.seed if seed is None else seed
        sizes = {name: chosen[name] for name in model_sizes(self.model) if name in chosen}
        generator = torch.Generator().manual_seed(seed)
        model = MODELS[self.model](len(_vocabulary(self.dataset)), **sizes, generator=generator)
        batches = _batches(self.dataset, "train", model.context_length)
        history = train(
            model,
            replace(batches, batch_size=chosen.get("batch_size", batches.batch_size), seed=seed),
            self._settings(chosen, seed),
            validation=_batches(self.dataset, "validation", model.context_length),
            tracker=logger,
            progress=False,
        )
        return model, history

    def evaluate(self, model: MLP | RecurrentLM, part: str) -> float:
        """A trained model's loss on the split `validation` or `test`, in nats per token."""
        batches = _batches(self.dataset, part, model.context_length)
        return evaluate(model, batches.to(next(model.parameters()).device).epoch(0))

    def _settings(self, parameters: Mapping[str, Any], seed: int) -> TrainingSettings:
        """The settings among the hyperparameters; the losses are logged at each evaluation."""
        names = {each.name for each in dataclasses.fields(TrainingSettings)}
        given = {name: value for name, value in parameters.items() if name in names}
        every = given.get("evaluate_every", TrainingSettings.evaluate_every)
        return TrainingSettings(**given, seed=seed, log_every=every)


def hyperparameters(model: str = "mlp") -> dict[str, type]:
    """Every hyperparameter of an experiment with this model, and its type."""
    known = {name: type(default) for name, default in model_sizes(model).items()}
    known["batch_size"] = int
    for name, kind in typing.get_type_hints(TrainingSettings).items():
        if name not in NOT_SEARCHED:
            known[name] = float if kind == float | None else kind
    return known


def model_sizes(model: str) -> dict[str, Value]:
    """What a model can be built with besides its vocabulary, and the defaults."""
    require_choice(MODELS, model=model)
    defaults = {n: each.default for n, each in inspect.signature(MODELS[model]).parameters.items()}
    # Numbers and flags alone: neither the generator nor the kind of cell is a size.
    return {name: each for name, each in defaults.items() if isinstance(each, int | float)}


@lru_cache(maxsize=24)
def _batches(dataset: str, part: str, context_length: int | None) -> WindowBatches | PaddedBatches:
    """A split as the model reads it; what isn't trained on comes in order, in larger batches."""
    texts, vocabulary, shuffle = _corpus(dataset)[part], _vocabulary(dataset), part == "train"
    factor = 1 if shuffle else EVALUATION_FACTOR
    if context_length is None:
        return PaddedBatches.from_texts(vocabulary, texts, factor * TEXTS, shuffle)
    windows = context_windows(vocabulary, texts, context_length)
    return WindowBatches(*windows, factor * WINDOWS, shuffle)


@lru_cache(maxsize=1)
def _vocabulary(dataset: str) -> Vocabulary:
    """Every character of the dataset, so that no split holds an unknown one."""
    return Vocabulary.from_texts(text for texts in _corpus(dataset).values() for text in texts)


@lru_cache(maxsize=1)
def _corpus(dataset: str) -> dict[str, list[str]]:
    corpus = data.load(dataset)
    return {part: list(corpus[part]["text"]) for part in ("train", "validation", "test")}
