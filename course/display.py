"""What a cell leaves beside its output for whoever reads the notebook later, as plain data.

A stored output of a notebook has metadata, which JupyterLab doesn't show and nbval doesn't
compare. The outcome of an exercise and a number that was checked are kept there.
"""

from __future__ import annotations

import sys
from typing import Any

KEY = "course"


def publish(text: str, record: dict[str, Any] | None = None, markdown: str | None = None) -> None:
    """Show a text, as Markdown where a notebook can; a record is stored beside it.

    Outside IPython the text is printed, and the record goes nowhere.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import publish_display_data

    shown = {"text/plain": text} | ({"text/markdown": markdown} if markdown else {})
    publish_display_data(shown, {KEY: record} if record else {})
