"""What one trial of a sweep does: train a model on a dataset with given hyperparameters."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from intro_lm import data
from intro_lm.data import Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP
from intro_lm.training import History, TrainingSettings, train

if TYPE_CHECKING:
    from intro_lm.search.space import Value
    from intro_lm.search.study import TrialLogger
    from intro_lm.training import Logger

MODEL = {
    "context_length": 3,
    "embedding_size": 10,
    "hidden_size": 200,
    "hidden_layers": 1,
    "direct": False,
}
BATCH_SIZE = 1024
EVALUATION_BATCH_SIZE = 8192
SIZES = ("context_length", "embedding_size", "hidden_size", "hidden_layers", "batch_size")
NOT_SEARCHED = ("seed", "device", "log_every", "checkpoint_every")


@dataclass(frozen=True)
class Experiment:
    """An MLP, trained on one dataset's characters and evaluated on its validation split.

    Its hyperparameters are those of `MLP` and `TrainingSettings`, and `batch_size`; what is neither
    fixed nor searched has notebook 01's baseline value. Called with hyperparameters it trains and
    returns the validation loss after the last step, which makes it a sweep's objective.

    Args:
        dataset: a name of the catalogue.
        fixed: hyperparameters that every trial shares.
        seed: of the initial weights and the order of the batches, the same in every trial.

    Raises:
        ValueError: a fixed hyperparameter is unknown, of the wrong type or out of its range; the
            message names it.
    """

    dataset: str = "names"
    fixed: Mapping[str, Value] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        known = hyperparameters()
        for name, value in self.fixed.items():
            if name not in known:
                raise ValueError(
                    f"fixed.{name} is not a hyperparameter; there are {', '.join(sorted(known))}"
                )
            kinds = (int, float) if known[name] is float else (known[name],)
            if type(value) not in kinds:
                raise ValueError(f"fixed.{name} is {value!r}; its type is {known[name].__name__}")
        self.require({})

    @property
    def known(self) -> dict[str, type]:
        """The hyperparameters that can be searched, and their types."""
        return {name: kind for name, kind in hyperparameters().items() if name not in self.fixed}

    @property
    def description(self) -> dict[str, Any]:
        """What tells this experiment from another."""
        return {"dataset": self.dataset, "fixed": dict(self.fixed), "seed": self.seed}

    def __call__(self, parameters: Mapping[str, Value], logger: TrialLogger | None = None) -> float:
        if logger is not None:
            logger.steps = self.settings({**self.fixed, **parameters}, self.seed).steps
        return self.fit(parameters, logger=logger)[1].validation_loss

    def require(self, parameters: Mapping[str, Value]) -> None:
        """Raise `ValueError` for hyperparameters that nothing can be trained with."""
        chosen: dict[str, Any] = {**self.fixed, **parameters}
        unknown = chosen.keys() - hyperparameters().keys()
        if unknown:
            raise ValueError(f"{min(unknown)} is not a hyperparameter of this experiment")
        for name in SIZES:
            if chosen.get(name, 1) < 1:
                raise ValueError(f"{name} is {chosen[name]!r}; it must be at least 1")
        self.settings(chosen, self.seed)

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
    ) -> tuple[MLP, History]:
        """Train once.

        Args:
            parameters: hyperparameters besides the fixed ones.
            seed: in place of the experiment's own.
            logger: where the records go.
        """
        self.require(parameters or {})
        chosen = {**self.fixed, **(parameters or {})}
        seed = self.seed if seed is None else seed
        settings = self.settings(chosen, seed)
        model_arguments: dict[str, Any] = {
            name: chosen.get(name, default) for name, default in MODEL.items()
        }
        generator = torch.Generator().manual_seed(seed)
        model = MLP(len(_vocabulary(self.dataset)), **model_arguments, generator=generator)
        inputs, targets = _windows(self.dataset, model.context_length, "train")
        batch_size: Any = chosen.get("batch_size", BATCH_SIZE)
        history = train(
            model,
            WindowBatches(inputs, targets, batch_size, seed=seed),
            settings,
            validation=self._batches("validation", model),
            tracker=logger,
            progress=False,
        )
        return model, history

    def evaluate(self, model: MLP, part: str) -> float:
        """A trained model's loss on a split of the dataset, in nats a token."""
        device = model.embedding.weight.device
        return evaluate(model, self._batches(part, model).to(device).epoch(0))

    def settings(self, parameters: Mapping[str, Value], seed: int) -> TrainingSettings:
        """The settings among the hyperparameters; a record is written at each evaluation."""
        names = {each.name for each in dataclasses.fields(TrainingSettings)}
        given: dict[str, Any] = {name: parameters[name] for name in parameters if name in names}
        every = given.get("evaluate_every", TrainingSettings.evaluate_every)
        return TrainingSettings(**given, seed=seed, log_every=every)

    def _batches(self, part: str, model: MLP) -> WindowBatches:
        inputs, targets = _windows(self.dataset, model.context_length, part)
        return WindowBatches(inputs, targets, EVALUATION_BATCH_SIZE, shuffle=False)


@lru_cache(maxsize=1)
def hyperparameters() -> dict[str, type]:
    """Every hyperparameter of an experiment and its type."""
    hints = typing.get_type_hints(TrainingSettings)
    known = {name: float if kind == float | None else kind for name, kind in hints.items()}
    model = {name: type(default) for name, default in MODEL.items()}
    kept = {name: kind for name, kind in known.items() if name not in NOT_SEARCHED}
    return {**model, "batch_size": int, **kept}


@lru_cache(maxsize=24)
def _windows(dataset: str, context_length: int, part: str) -> tuple[Tensor, Tensor]:
    """Every context window of a split and what follows it."""
    return context_windows(_vocabulary(dataset), _corpus(dataset)[part], context_length)


@lru_cache(maxsize=1)
def _vocabulary(dataset: str) -> Vocabulary:
    """Every character of the dataset, so that no split holds an unknown one."""
    return Vocabulary.from_texts(itertools.chain.from_iterable(_corpus(dataset).values()))


@lru_cache(maxsize=1)
def _corpus(dataset: str) -> dict[str, list[str]]:
    corpus = data.load(dataset)
    return {part: list(corpus[part]["text"]) for part in ("train", "validation", "test")}
