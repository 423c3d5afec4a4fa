"""The marks and the mentor's guide."""

import re
from pathlib import Path

from course.review.marks import MEANINGS
from course.review.page import SYMBOLS

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| ([✓·!]) ([\w ]+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_the_guide_explains_each_mark_and_no_other():
    guide = (ROOT / "docs" / "mentors.md").read_text(encoding="utf-8")
    explained = {kind: symbol for symbol, kind, _, _ in ROW.findall(guide)}
    assert explained == {kind: SYMBOLS[meaning.level] for kind, meaning in MEANINGS.items()}


def test_the_readme_links_the_guide_and_the_guide_its_picture():
    assert "(docs/mentors.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    guide = (ROOT / "docs" / "mentors.md").read_text(encoding="utf-8")
    for picture in re.findall(r"\]\((images/[^)]+)\)", guide):
        assert (ROOT / "docs" / picture).is_file()
