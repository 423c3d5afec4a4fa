"""The README's table of results, made from expected.toml and the notebooks' measured times.

    python tools/results.py

writes it into README.md. What is published is listed here, with its source; what is ours is never
typed in.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from course.expected import bands

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TIMES = ROOT / "notebooks" / "times.toml"
BEGIN, END = "<!-- results: written by tools/results.py -->\n", "<!-- end of results -->\n"
HEAD = (
    "| what | ours | published | source | time | not comparable |",
    "| --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True)
class Row:
    """A row: what it is, its entry of expected.toml, and the published number to compare with."""

    what: str
    name: str
    published: str = ""
    source: str = ""
    not_comparable: str = ""
    decimals: int = 3


ROWS = (
    Row("bundled names, counting pairs of letters", "01.bigram.validation_loss"),
    Row("the same, Kneser–Ney 6-gram", "01.kneser_ney_6.validation_loss"),
    Row("the same, MLP of 11,897 parameters", "01.mlp.validation_loss"),
    Row("the same, MLP of 488,519 parameters", "full.names.mlp.validation_loss"),
    Row("the same, LSTM of 488,811 parameters", "full.names.lstm.validation_loss"),
    Row("makemore's names, the lecture's MLP", "01.lecture.validation_loss",
        "2.17", "makemore lectures, part 3"),
    Row("the same, LSTM of 179,643 parameters", "04.lecture.validation_loss",
        "1.993", "makemore lectures, WaveNet", "that one has 76,000 parameters"),
    Row("the same without repeats, LSTM of 488,811 parameters, test", "full.makemore.test_loss",
        "about 1.92", "makemore's README, transformer", "other test names; 200,000 parameters"),
    Row("tiny-shakespeare, last tenth, LSTM", "04.shakespeare.loss",
        "1.88", "nanoGPT's README, 3 minutes on a CPU",
        "that one sees 64 characters, our state is carried"),
    Row("the same, longer", "full.shakespeare.validation_loss",
        "1.4697", "nanoGPT's README, 3 minutes on an A100", "that one sees 256 characters"),
    Row("name origins, 30 labels of each class, macro recall: counting", "05.curve.baseline_30"),
    Row("the same, network from scratch", "05.curve.scratch_30"),
    Row("the same, pretrained and fine-tuned", "05.curve.fine-tuned_30"),
    Row("labels that pretraining saves there, a factor", "05.saved.against_scratch",
        "10 to 100", "Howard and Ruder (2018), ULMFiT",
        "theirs is pretrained on 100 million words, on longer texts, two and four classes", 2),
    Row("rotten-tomatoes, accuracy: counting", "05.reviews.counted",
        "0.815", "Kim (2014), pretrained word vectors", "ten-fold cross-validation"),
    Row("the same, pretrained and fine-tuned", "05.reviews.fine-tuned"),
)  # fmt: skip


def table() -> str:
    """The table in Markdown."""
    return "\n".join([*HEAD, *map(_line, ROWS)]) + "\n"


def _line(row: Row) -> str:
    entry = bands()[row.name]
    ours = f"{entry['mean']:.{row.decimals}f} ± {entry['std']:.{row.decimals}f}"
    if round(entry["std"], row.decimals) == 0:
        ours = f"{entry['mean']:.{row.decimals}f}"
    ours += f" ({entry['seeds']} seeds)"
    cells = [row.what, ours, row.published, row.source, _time(row.name), row.not_comparable]
    return f"| {' | '.join(cells)} |"


def _time(name: str) -> str:
    """Seconds of the run on two cores, or the notebook that it is a part of."""
    seconds = bands()[name].get("seconds")
    return f"{seconds} s" if seconds else f"in notebook {name.partition('.')[0]}"


def times() -> dict[str, dict[str, float]]:
    """What `python -m course record` measured for each notebook, by its name."""
    return tomllib.loads(TIMES.read_text(encoding="utf-8"))


def with_table(readme: str) -> str:
    """A README with its table written anew.

    Raises:
        ValueError: it has no place for one.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    written, count = pattern.subn(lambda _: BEGIN + table() + END, readme)
    if count != 1:
        raise ValueError(f"README.md has {count} places between {BEGIN.strip()} and {END.strip()}")
    return written


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
