"""What several tests share: a small corpus of real names, and a server on the loopback."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from hypothesis import settings

from intro_lm import data
from intro_lm.models import MLP

# A busy machine must not fail a property for being slow.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


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


class _Handler(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer(send_body=False)

    def do_GET(self) -> None:
        self._answer(send_body=True)

    def _answer(self, send_body: bool) -> None:
        status, body = self.server.pages.get(self.path, (404, b"not here"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def loopback(monkeypatch) -> Iterator[tuple[str, dict[str, tuple[int, bytes]]]]:
    """The address of a real HTTP server, and its pages: path -> (status, body)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.pages = {}
    for variable in ("NO_PROXY", "no_proxy"):  # a user's proxy must not be asked for the loopback
        monkeypatch.setenv(variable, "127.0.0.1")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", server.pages
    server.shutdown()
    server.server_close()
    thread.join()
