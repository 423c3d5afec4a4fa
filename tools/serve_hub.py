"""Serve a folder on the loopback as the Hugging Face Hub would, for the genuine client.

    python tools/serve_hub.py --hub ../shared/hub

prints the address, which goes into HF_ENDPOINT, and serves until it is stopped. The folder holds
OWNER/NAME/… as the Hub's dataset repositories do. The tests use the same server, with files of
their own and with every fault that a network can show. Standard library only, so that CI can start
it before there is an environment.

The interface is what `huggingface_hub` 2.4 and `datasets` 5.2 were seen to ask for: files under
`resolve`, a repository's `api/datasets/…` with its `revision`, `tree` and `paths-info`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

REPOSITORY = re.compile(r"/(?:api/)?datasets/([^/]+/[^/]+)(?:/(resolve|revision|tree|paths-info))?")
FAULTS = ("loop", "silent", "stall", "cut", "short", "wrong", "trickle")  # or an HTTP status


class HubServer(ThreadingHTTPServer):
    """An HTTP server with `pages` (path -> body), `repositories` and `faults` (parts -> fault).

    A repository is a mapping from file to bytes. A fault befalls every path that holds all of some
    parts, written with blanks between them; it is an HTTP status or one of
    `FAULTS`:
    redirects without end, never an answer, a body that stops coming, a connection reset half-way
    or closed early, other bytes of the same length, ten bytes a second; and `endless`, a body of
    no stated length that doesn't end. `asked` lists every request.
    """

    daemon_threads = True

    def __init__(self, repositories: dict[str, dict[str, bytes]] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories or {}
        self.pages: dict[str, bytes] = {}
        self.faults: dict[str, int | str] = {}
        self.asked: list[str] = []
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self) -> None:
        self.closing.set()
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that goes away is what some tests are about


@contextmanager
def serving(repositories: dict[str, dict[str, bytes]] | None = None) -> Iterator[HubServer]:
    """A server on a thread of this process."""
    server = HubServer(repositories)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_folder(folder: Path) -> dict[str, dict[str, bytes]]:
    """The repositories of a Hub-shaped folder."""
    return {
        f"{repository.parent.name}/{repository.name}": {
            path.relative_to(repository).as_posix(): path.read_bytes()
            for path in sorted(repository.rglob("*"))
            if path.is_file()
        }
        for repository in sorted(folder.glob("*/*"))
    }


def commit_of(files: dict[str, bytes]) -> str:
    """What stands for the commit: a digest of the contents, so that new bytes are a new commit."""
    digest = hashlib.sha1()
    for path in sorted(files):
        digest.update(f"{path} {hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_large(path: str) -> bool:
    return not path.endswith((".md", ".yaml", ".csv", ".jsonl", ".txt"))


def _tree_entry(path: str, body: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(body), "oid": blob}
    if _is_large(path):
        entry["lfs"] = {
            "oid": hashlib.sha256(body).hexdigest(),
            "size": len(body),
            "pointerSize": 134,
        }
    return entry


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.form = parse_qs(self.rfile.read(length).decode())
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append(f"{self.command} {path}")
        fault = next(
            (f for parts, f in self.server.faults.items() if all(p in path for p in parts.split())),
            None,
        )
        if fault == "silent":
            self.server.closing.wait()
        elif fault == "loop":
            self._send(302, b"", {"Location": self.path})
        elif isinstance(fault, int):
            self._send(fault, b"a fault")
        else:
            self._send(*self._find(path), fault=fault)

    def _find(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if path in self.server.pages:
            return 200, self.server.pages[path], {}
        match = REPOSITORY.match(path)
        files = self.server.repositories.get(match[1]) if match else None
        if match is None or files is None:
            return 404, b"", {"X-Error-Code": "RepoNotFound"}
        revision, _, inner = path[match.end() :].lstrip("/").partition("/")
        commit = commit_of(files)
        if re.fullmatch("[0-9a-f]{40}", revision):
            commit = revision  # a pin; the folder holds one revision, which serves for all
        elif revision not in ("", "main"):
            return 404, b"", {"X-Error-Code": "RevisionNotFound"}
        if match[2] == "resolve":
            if inner not in files:
                return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            entry = _tree_entry(inner, files[inner])
            etag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
            return 200, files[inner], {"ETag": f'"{etag}"', "X-Repo-Commit": commit}
        if match[2] == "paths-info":
            entries = [_tree_entry(n, files[n]) for n in self.form.get("paths", []) if n in files]
            return 200, json.dumps(entries).encode(), {}
        if match[2] == "tree":
            inside = [name for name in files if name.startswith(f"{inner}/" if inner else "")]
            if not inside:
                return 404, b"", {"X-Error-Code": "EntryNotFound"}
            folders = {str(parent) for name in inside for parent in PurePosixPath(name).parents}
            entries = [_tree_entry(name, files[name]) for name in inside]
            entries += [{"type": "directory", "path": f, "oid": commit} for f in folders - {"."}]
            return 200, json.dumps(entries).encode(), {}
        info = {"id": match[1], "sha": commit, "siblings": [{"rfilename": name} for name in files]}
        return 200, json.dumps(info).encode(), {}

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        fault: int | str | None = None,
    ) -> None:
        headers = headers or {}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span and status == 200:
            first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(body)}"}
            status, body = 206, body[first : last + 1]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "wrong":
            body = bytes(byte ^ 1 for byte in body)
        while fault in ("trickle", "endless") and not self.server.closing.is_set():
            self.wfile.write(body[:1] if fault == "trickle" else bytes(1 << 16))
            time.sleep(0.1 if fault == "trickle" else 0)
        if fault in ("stall", "cut", "short"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            if fault == "stall":
                self.server.closing.wait()
            elif fault == "cut":  # closing with no time to linger sends a reset
                no_time = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_time)
                self.connection.close()
            return
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--hub", type=Path, required=True, help="a folder OWNER/NAME/…")
    arguments = parser.parse_args()
    with serving(read_folder(arguments.hub)) as server:
        print(server.address, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
