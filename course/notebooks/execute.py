"""Execute, record and check the notebooks.

    python -m course run      executes copies into build/notebooks, with an index.html
    python -m course record   executes in place, to commit the outputs
    python -m course check    reads what is stored, executes nothing

Without names each takes every notebook of notebooks/, in order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
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

import nbformat
import psutil
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbval.plugin import coalesce_streams

from course.notebooks.check import problems, tags
from course.notebooks.downloads import datasets_of, fetch

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "notebooks"
BUILD = ROOT / "build" / "notebooks"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
TIMES_HEADER = (
    "# Written by course/notebooks/execute.py record --times: the seconds of each notebook's last\n"
    "# recording, those of its download sections besides, and the most memory that its kernel\n"
    "# held after a cell.\n"
)
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)


@dataclass
class Run:
    """How one execution went."""

    path: Path
    notebook: Any
    seconds: float
    downloads: float  # seconds of these that cells with the tag downloads took
    peak_memory: float  # bytes, the largest resident size seen after a cell
    error: str = ""


def execute(path: Path, timeout: int, notebook: Any = None) -> Run:
    """Execute a notebook top to bottom in a fresh kernel, with a line for each code cell.

    The notebook's own file is never written. Its folder is the kernel's working folder, as it is
    in JupyterLab and under nbval. A changed copy of the notebook can be given instead.
    """
    notebook = notebook or read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    missing = [name for name in datasets_of(notebook) if not fetch(name)]
    if missing:
        print(f"{path.name}: {', '.join(missing)} can't be had, its section runs empty", flush=True)
    started = 0.0
    downloads = 0.0
    peak = 0.0
    stopped = False

    def start(**_: Any) -> None:
        # On Ctrl-C nbclient's own handler would clean up twice and fail.
        task = asyncio.current_task()

        def stop() -> None:
            nonlocal stopped
            stopped = True
            client.shutdown_kernel = "immediate"
            if task is not None:
                task.cancel()

        with contextlib.suppress(NotImplementedError):  # Windows' event loop has none
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)

    def before(cell: Any, **_: Any) -> None:
        nonlocal started
        started = time.perf_counter()
        first = cell.source.strip().splitlines()[0][:64]
        number = next(n for n, c in enumerate(code, 1) if c is cell)
        print(f"  {number:3}/{len(code)}  {first:<64}", end="", flush=True)

    def after(cell: Any, **_: Any) -> None:
        nonlocal downloads, peak
        taken = time.perf_counter() - started
        downloads += taken if "downloads" in tags(cell) else 0.0
        print(f"  {taken:6.1f} s", flush=True)
        pid = getattr(client.km.provisioner, "pid", None)  # type: ignore[union-attr]
        if pid and psutil.pid_exists(pid):
            peak = max(peak, psutil.Process(pid).memory_info().rss)

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # else each kernel says that it listens on TCP
        resources={"metadata": {"path": str(path.parent)}},
        on_notebook_start=start,
        on_cell_execute=before,
        on_cell_executed=after,
    )
    print(path.name, flush=True)
    begin = time.perf_counter()
    error = ""
    try:
        client.execute()
    except (*FAILURES, asyncio.CancelledError) as failure:
        print()
        if stopped:
            raise KeyboardInterrupt from None
        error = str(failure)
    except NoSuchKernel:
        sys.exit("there is no python3 kernel in this environment; run: make setup")
    return Run(path, clean(notebook), time.perf_counter() - begin, downloads, peak, error)


def clean(notebook: Any) -> Any:
    """Leave what the cells are and gave, and nothing that differs between two equal runs."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        kept = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": kept} if kept else {})
        if cell.cell_type == "code":
            cell.outputs = coalesce_streams(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = [without_machine_paths(text) for text in output.traceback]
    return notebook


def without_machine_paths(traceback: str) -> str:
    """Leave of each file's path what is the same on every machine: torch/nn/functional.py."""
    kept = re.sub(r"[^\s\x1b]*/site-packages/", "", traceback)
    kept = kept.replace(f"{ROOT}{os.sep}", "")
    return kept.replace(sysconfig.get_path("stdlib") + os.sep, "")


def read(path: Path) -> Any:
    """The notebook stored at `path`; ends the program with one line where there is none."""
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        sys.exit(f"there is no notebook {path}")
    except nbformat.reader.NotJSONError:
        sys.exit(f"{path} is not a notebook: it holds no JSON")


def write(notebook: Any, path: Path) -> None:
    """Write a notebook so that `path` holds the old one or the new one at every moment."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def run(paths: list[Path], timeout: int, build: Path) -> int:
    """Execute copies into `build`, each also as HTML, and stop at the first that fails."""
    build.mkdir(parents=True, exist_ok=True)
    exporter = HTMLExporter()
    runs: list[Run] = []
    for path in paths:
        done = execute(path, timeout)
        runs.append(done)
        write(done.notebook, build / path.name)
        page, _ = exporter.from_notebook_node(done.notebook)
        (build / path.with_suffix(".html").name).write_text(page, encoding="utf-8")
        (build / "index.html").write_text(index(runs), encoding="utf-8")
        if done.error:
            return failed(done)
    summarise(runs)
    print(f"open {os.path.relpath(build / 'index.html')}")
    return 0


def record(paths: list[Path], timeout: int, times: bool = False) -> int:
    """Execute in place; a file is replaced only if each of its cells succeeded."""
    runs: list[Run] = []
    for path in paths:
        missing = [name for name in datasets_of(read(path)) if not fetch(name)]
        if missing:
            print(
                f"{path.name} is left as it was: its download sections would be recorded empty, "
                f"since {', '.join(missing)} can't be had. Put the files into the folder that "
                "INTRO_LM_CACHE names, or record where there is a network"
            )
            return 1
        done = execute(path, timeout)
        if done.error:
            print(f"{path.name} is left as it was")
            return failed(done)
        write(done.notebook, path)
        runs.append(done)
        if times:
            note_time(done)
    summarise(runs)
    return check(paths)


def note_time(done: Run) -> None:
    """Keep what a recording measured beside the notebook: seconds and memory, in times.toml."""
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


def failed(done: Run) -> int:
    text = done.error if sys.stdout.isatty() else ANSI.sub("", done.error)
    print(f"{done.path.name} failed:\n{text}", flush=True)
    return 1


def summarise(runs: list[Run]) -> None:
    for done in runs:
        memory = done.peak_memory / 1e9
        print(f"{done.path.name:<36} {done.seconds:6.0f} s  {memory:.2f} GB")


def index(runs: list[Run]) -> str:
    """The page that links each executed notebook."""
    rows = "".join(
        f'<tr><td><a href="{html.escape(done.path.stem)}.html">{html.escape(title(done))}</a></td>'
        f"<td>{done.seconds:.0f} s</td><td>{'failed' if done.error else 'passed'}</td></tr>\n"
        for done in runs
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Executed notebooks</title>\n'
        "<style>body{font:1em/1.5 sans-serif;margin:3em}td{padding:.3em 2em .3em 0}</style>\n"
        f"<h1>Executed notebooks</h1>\n<table>\n{rows}</table></html>\n"
    )


def title(done: Run) -> str:
    """The notebook's first heading."""
    first = done.notebook.cells[0].source.splitlines() if done.notebook.cells else []
    return first[0].lstrip("# ") if first else done.path.stem


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("run", "record", "check"))
    parser.add_argument("notebooks", nargs="*", type=Path, help="which; all of notebooks/ if none")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take (600)")
    parser.add_argument(
        "--times", action="store_true", help="`record` also writes times.toml beside the notebooks"
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="where `run` writes")
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(SOURCE.glob("[0-9]*.ipynb"))
    if not paths:
        sys.exit(f"there is no notebook in {SOURCE.name}/")
    try:
        if options.command == "run":
            return run(paths, options.timeout, options.build)
        if options.command == "record":
            return record(paths, options.timeout, options.times)
        return check(paths)
    except KeyboardInterrupt:
        print("\nstopped by hand; the notebook under way is left as it was")
        return 130


if __name__ == "__main__":
    sys.exit(main())
