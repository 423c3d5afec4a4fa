"""The marks and the mentor's guide."""

import re
from pathlib import Path

from course.review.marks import MEANINGS
from course.review.page import SYMBOLS

GUIDE = Path(__file__).parents[3] / "docs" / "mentors.md"
ROW = re.compile(r"^\| ([✓·!]) ([\w ]+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_guide_explains_each_mark_and_no_other():
    explained = {kind: sign for sign, kind, _, _ in ROW.findall(GUIDE.read_text("utf-8"))}
    assert explained == {kind: SYMBOLS[meaning.level] for kind, meaning in MEANINGS.items()}
