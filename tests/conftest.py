"""What several tests share: a small corpus of real names, and a server on the loopback."""

import signal
from collections.abc import Iterator

import pytest
import torch

from intro_lm import data
from intro_lm.models import MLP
from tools.serve_hub import HubServer, serving

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a script put aside
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def some_names() -> list[str]:
    return data.names()[::20]


@pytest.fixture(scope="session")
def vocabulary(some_names: list[str]) -> data.Vocabulary:
    return data.Vocabulary.from_texts(some_names)


@pytest.fixture(scope="session")
def windows(some_names, vocabulary) -> tuple[torch.Tensor, torch.Tensor]:
    return data.context_windows(vocabulary, some_names, 3)


@pytest.fixture
def make_model(vocabulary):
    """A small MLP whose weights depend on the seed alone."""

    def make(seed: int = 0, hidden_size: int = 16) -> MLP:
        generator = torch.Generator().manual_seed(seed)
        return MLP(len(vocabulary), hidden_size=hidden_size, generator=generator)

    return make


@pytest.fixture
def loopback(monkeypatch) -> Iterator[HubServer]:
    """A real HTTP server, which can show every fault that a network can."""
    for variable in ("NO_PROXY", "no_proxy"):  # a user's proxy must not be asked for the loopback
        monkeypatch.setenv(variable, "127.0.0.1")
    with serving() as server:
        yield server
