"""Texts from a submission, made safe to read: nothing stays hidden, and none is too long."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

MOST_SHOWN = 6_000  # characters of one text; the longest output of our notebooks has some 3,000
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What a text could hide behind: controls, direction marks, zero-width characters, surrogates.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\u034f\u1160\u2800\u3164\uffa0\U000e0000-\U000e01ef]"
)


@dataclass(frozen=True)
class Text:
    """A text to show: every character visible, and at most `MOST_SHOWN` of them."""

    shown: str
    left_out: int = 0  # characters
    mime: str = "text/plain"


def visible(text: str) -> str:
    """A text without terminal colours; each invisible character becomes its code."""
    plain = ANSI.sub("", text).replace("\r\n", "\n")
    return INVISIBLE.sub(lambda hidden: f"\\u{{{ord(hidden[0]):x}}}", plain)


def one_line(text: str) -> str:
    """A name, in which line breaks are visible too."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def quoted(value: object, most: int = 80) -> str:
    """Something from a submission, short enough for a sentence."""
    text = " ".join(visible(str(value)).split())
    return text if len(text) <= most else f"{text[:most]}…"


def shortened(text: str, mime: str = "text/plain") -> Text:
    """A text, of which only the beginning and the end stay if it is too long to show."""
    left_out = max(0, len(text) - MOST_SHOWN)
    if left_out:
        text = f"{text[: MOST_SHOWN * 2 // 3]}\n⋯\n{text[-MOST_SHOWN // 3 :]}"
    return Text(visible(text), left_out, one_line(mime))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
