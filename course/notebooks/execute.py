"""What `python -m course run`, `record` and `check` do with notebooks."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import os
import re
import signal
import sys
import sysconfig
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The kernel must be this environment's, whatever kernels the user has installed elsewhere.
os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # beside a busy program two threads are slower

import nbformat
import psutil
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbval.plugin import coalesce_streams

from course.notebooks.check import code_cells, problems, run_digest, tags
from course.notebooks.downloads import missing_datasets
from course.review import stored

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "notebooks"
BUILD = ROOT / "build" / "notebooks"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TIMES_HEADER = """\
# Written by `python -m course record --times`: the seconds of each notebook's last recording, the
# further seconds of its download sections, and the most memory that its kernel held after a cell.
"""
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


@dataclass
class Execution:
    """One execution of a notebook: what it gave, and what it took."""

    path: Path
    notebook: Any
    seconds: float = 0.0
    downloads: float = 0.0  # seconds of these in cells with the tag downloads
    peak_memory: float = 0.0  # bytes, the largest resident size seen after a cell
    error: str = ""


def execute(path: Path, timeout: int, notebook: Any = None) -> Execution:
    """Execute a notebook top to bottom in a fresh kernel, with a line for each code cell.

    The notebook's own file is never written. Its folder is the kernel's working folder, as it is
    in JupyterLab and under nbval. A changed copy of the notebook can be given instead.
    """
    done = Execution(path, notebook or read(path))
    if missing := missing_datasets(done.notebook):
        print(f"{path.name}: {', '.join(missing)} can't be fetched, its section runs empty")
    client = NotebookClient(
        done.notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # else each kernel says that it listens on TCP
        resources={"metadata": {"path": str(path.parent)}},
    )
    _show_progress(client, done)
    client.on_notebook_start = lambda **_: _stop_on_ctrl_c(client)
    print(path.name, flush=True)
    begin = time.perf_counter()
    try:
        client.execute()
    except (*FAILURES, asyncio.CancelledError) as failure:
        print()
        if client.shutdown_kernel == "immediate":  # by Ctrl-C, see below
            raise KeyboardInterrupt from None
        done.error = str(failure)
    except NoSuchKernel:
        sys.exit("there is no python3 kernel in this environment; run: make setup")
    done.seconds = time.perf_counter() - begin
    clean(done.notebook)
    return done


def _show_progress(client: NotebookClient, done: Execution) -> None:
    """A line for each code cell, and what each took."""
    code = code_cells(done.notebook)
    started = 0.0

    def before(cell: Any, **_: Any) -> None:
        nonlocal started
        number = next(n for n, c in enumerate(code, 1) if c is cell)
        first = cell.source.strip().splitlines()[0][:64]
        print(f"  {number:3}/{len(code)}  {first:<64}", end="", flush=True)
        started = time.perf_counter()

    def after(cell: Any, **_: Any) -> None:
        seconds = time.perf_counter() - started
        done.downloads += seconds if "downloads" in tags(cell) else 0.0
        print(f"  {seconds:6.1f} s", flush=True)
        with contextlib.suppress(psutil.Error, AttributeError):
            memory = psutil.Process(client.km.provisioner.pid).memory_info().rss  # type: ignore[union-attr]
            done.peak_memory = max(done.peak_memory, memory)

    client.on_cell_execute, client.on_cell_executed = before, after


def _stop_on_ctrl_c(client: NotebookClient) -> None:
    """Cancel the execution and end the kernel; nbclient's own handler would clean up twice."""
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        client.shutdown_kernel = "immediate"
        task.cancel()

    with contextlib.suppress(NotImplementedError):  # Windows' event loop has none
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)


def clean(notebook: Any) -> Any:
    """Leave only what the cells are and gave: nothing that differs between two equal executions."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({"tags": tags(cell)} if tags(cell) else {})
        if cell.cell_type == "code":
            if not cell.source.strip():  # nothing ran it: what it stores is from another time
                cell.execution_count, cell.outputs = None, []
            cell.outputs = coalesce_streams(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [without_machine_paths(text) for text in output.traceback]
    return notebook


def stamp(notebook: Any) -> None:
    """Store the run's digest, and a name of its session that is the same at each recording."""
    sources = "".join(cell.source for cell in code_cells(notebook))
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "session" in output.get("metadata", {}):
                output.metadata["session"] = hashlib.sha256(sources.encode()).hexdigest()[:8]
    notebook.metadata["recorded"] = run_digest(notebook)


def without_machine_paths(traceback: str) -> str:
    """Leave of each file's path what is the same on every machine: torch/nn/functional.py."""
    kept = re.sub(r"[^\s\x1b]*/site-packages/", "", traceback)
    kept = kept.replace(f"{ROOT}{os.sep}", "")
    return kept.replace(sysconfig.get_path("stdlib") + os.sep, "")


def read(path: Path) -> Any:
    """The notebook stored at `path`; ends the program with one line where there is none."""
    try:
        return stored.read(path.read_bytes())
    except FileNotFoundError:
        sys.exit(f"there is no notebook {path}")
    except stored.UnreadableError as error:
        sys.exit(f"{path} can't be read: {error}")


def write(notebook: Any, path: Path) -> None:
    """Write a notebook so that `path` holds the old one or the new one at every moment."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    partial.replace(path)


def run(paths: list[Path], timeout: int, build: Path = BUILD) -> int:
    """Execute copies into `build`, each also as HTML, and stop at the first that fails."""
    from course.notebooks.html import as_html  # nbconvert takes its time, and nothing else needs it

    build.mkdir(parents=True, exist_ok=True)
    executed: list[Execution] = []
    for path in paths:
        done = execute(path, timeout)
        executed.append(done)
        write(done.notebook, build / path.name)
        (build / f"{path.stem}.html").write_text(as_html(done.notebook), encoding="utf-8")
        (build / "index.html").write_text(index(executed), encoding="utf-8")
        if done.error:
            return failed(done)
    summarise(executed)
    print(f"open {os.path.relpath(build / 'index.html')}")
    return 0


def record(paths: list[Path], timeout: int, times: bool = False) -> int:
    """Execute in place; a file is replaced only if each of its cells succeeded."""
    executed = []
    for path in paths:
        if missing := missing_datasets(read(path)):
            print(
                f"{path.name} is left as it was: its download sections would be recorded empty, "
                f"since {', '.join(missing)} can't be fetched. Put the files into the folder that "
                "INTRO_LM_CACHE names, or record where there is a network"
            )
            return 1
        done = execute(path, timeout)
        if done.error:
            print(f"{path.name} is left as it was")
            return failed(done)
        stamp(done.notebook)
        write(done.notebook, path)
        executed.append(done)
        if times:
            note_time(done)
    summarise(executed)
    return check(paths)


def note_time(done: Execution) -> None:
    """Keep what a recording measured in times.toml, next to the notebook: seconds and memory."""
    path = done.path.parent / "times.toml"
    known = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[done.path.stem] = {
        "seconds": round(done.seconds - done.downloads),
        "downloads": round(done.downloads),
        "gigabytes": round(done.peak_memory / 1e9, 1),
    }
    text = TIMES_HEADER
    for name, entry in sorted(known.items()):
        text += f"\n[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items())
    path.write_text(text, encoding="utf-8")


def check(paths: list[Path]) -> int:
    """Print what the static check finds; 1 if it finds anything."""
    found = [f"{path.name}: {problem}" for path in paths for problem in problems(read(path))]
    print("\n".join(found) if found else f"{len(paths)} notebooks checked, nothing to mend")
    return 1 if found else 0


def failed(done: Execution) -> int:
    print(f"{done.path.name} failed:\n{ANSI.sub('', done.error)}", flush=True)
    return 1


def summarise(executed: list[Execution]) -> None:
    for done in executed:
        print(f"{done.path.name:<36} {done.seconds:6.0f} s  {done.peak_memory / 1e9:.2f} GB")


def index(executed: list[Execution]) -> str:
    """The page that links each executed notebook."""
    page = "<!doctype html><meta charset=utf-8><title>Executed notebooks</title>\n<ul>\n"
    for done in executed:
        name = html.escape(done.path.stem)
        state = "failed" if done.error else "passed"
        page += f'<li><a href="{name}.html">{name}</a> {state} in {done.seconds:.0f} s</li>\n'
    return page + "</ul>\n"
