"""Many submissions at once: how long they take, how much memory, and one that kills its process."""

import json
import os
import random
import resource
import subprocess
import sys
from functools import partial

import pytest

from course.review.curriculum import Curriculum, Lesson
from course.review.report import ReviewOptions, review
from course.review.stored import parse
from course.review.submissions import Source, Submission
from tests.course.review.interns import NOTEBOOKS
from tests.course.review.makers import code, stored, write

pytestmark = pytest.mark.slow


def test_a_hundred_submissions_of_every_notebook_take_little_time_and_memory(tmp_path):
    curriculum = {path.name: path.read_bytes() for path in NOTEBOOKS.glob("[0-9]*.ipynb")}
    generator = random.Random(0)
    for number in range(100):
        for name, content in curriculum.items():
            notebook = json.loads(content)
            cells = notebook["cells"]
            for cell in generator.sample(cells, 8):
                cell["source"] = "".join(cell["source"]) + f"\n# what intern {number} thinks"
            cells.insert(generator.randrange(len(cells)), cells[-1] | {"source": "my words"})
            if number % 4 == 0:  # some editors give every cell a new id
                for index, cell in enumerate(cells):
                    cell["id"] = f"cell{index}"
            write(tmp_path / f"intern {number}" / name, json.dumps(notebook).encode())
    command = [sys.executable, "-m", "course", "review", *map(str, tmp_path.iterdir())]
    options = ["--jobs", "2", "--html", str(tmp_path / "report.html")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert said.count("mlp baseline") == 100
    assert after.ru_utime - before.ru_utime < 120  # seconds of a processor
    assert after.ru_maxrss < 1_000_000  # kilobytes, of the largest process


def test_a_notebook_that_kills_its_process_takes_no_other_with_it():
    content = stored(code("x = 1"))
    good = [Source(f"00_{n}.ipynb", partial(bytes, content)) for n in range(110)]
    submissions = [
        Submission("anna", "here", tuple(good)),
        Submission("bela", "there", (Source("00_x.ipynb", partial(os._exit, 1)),)),
    ]
    lessons = Curriculum((Lesson("00", "00_a.ipynb", parse(content)),), {})
    anna, bela = review(submissions, lessons, ReviewOptions(jobs=2))
    assert all(one.readable for one in anna.notebooks)
    assert "process" in bela.notebooks[0].marks[0].text
