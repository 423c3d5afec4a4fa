"""A hundred submissions of every notebook, each with changes: how long and how much memory."""

import json
import random
import subprocess
import sys
import time

import psutil
import pytest

from tests.course.review.interns import NOTEBOOKS

SECONDS = 60  # on two free cores
BYTES = 1e9


@pytest.mark.slow
def test_a_hundred_submissions_of_every_notebook_take_less_than_a_minute_and_a_gigabyte(tmp_path):
    curriculum = {p.name: p.read_text(encoding="utf-8") for p in NOTEBOOKS.glob("[0-9]*.ipynb")}
    assert len(curriculum) >= 6
    generator = random.Random(0)
    for number in range(100):
        folder = tmp_path / f"intern {number}"
        folder.mkdir()
        for name, text in curriculum.items():
            notebook = json.loads(text)
            cells = notebook["cells"]
            for cell in generator.sample(cells, 8):
                lines = "".join(cell["source"]).splitlines()
                lines.insert(len(lines) // 2, f"# what intern {number} thinks of this")
                cell["source"] = "\n".join(lines)
            mine = cells[-1] | {"source": f"my {number} words"}
            cells.insert(generator.randrange(len(cells)), mine)
            if number % 4 == 0:  # some editors give every cell a new id
                for index, cell in enumerate(cells):
                    cell["id"] = f"cell{index}"
            (folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "course", "review", *map(str, tmp_path.iterdir())]
    command += ["--jobs", "2", "--html", str(tmp_path / "report.html")]
    begin = time.perf_counter()
    with (tmp_path / "said").open("wb") as log:
        reviewing = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    most = 0
    while reviewing.poll() is None:
        most = max(most, _memory(reviewing))
        time.sleep(0.2)
    seconds = time.perf_counter() - begin
    said = (tmp_path / "said").read_text(encoding="utf-8")
    assert reviewing.returncode == 0, said
    assert said.count("mlp baseline") == 100
    assert seconds < SECONDS
    assert 50e6 < most < BYTES


def _memory(process: psutil.Popen) -> int:
    """Bytes that a process and its children hold."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
