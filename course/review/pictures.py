"""Which stored pictures a page may show: checked ones of a reasonable size."""

from __future__ import annotations

import base64
import binascii
import io
import warnings

from PIL import Image, UnidentifiedImageError

MOST_CHARACTERS = 1_500_000  # of one picture in base64; the notebooks' largest has some 150,000
MOST_PIXELS = 20_000_000
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}


def as_data(mime: str, encoded: str) -> tuple[str, str]:
    """The address under which a page shows a stored picture, and else why it doesn't.

    Args:
        mime: as the output gives it.
        encoded: base64 text.

    Returns:
        `("data:image/png;base64,…", "")`, or `("", reason)`.
    """
    if mime not in FORMATS:
        return "", "of a kind that is not shown"
    if len(encoded) > MOST_CHARACTERS:
        return "", f"of {len(encoded) / 1e6:.1f} MB, too large to show"
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[FORMATS[mime]]) as picture:
                width, height = picture.size
    except (binascii.Error, UnidentifiedImageError, Image.DecompressionBombError):
        return "", "that holds no such picture"
    except (OSError, ValueError, SyntaxError):  # Pillow's, for damaged files
        return "", "that is damaged"
    if width * height > MOST_PIXELS:
        return "", f"of {width:,} × {height:,} pixels, too large to show"
    return f"data:{mime};base64,{base64.b64encode(content).decode()}", ""
