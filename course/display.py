"""Show a text in a notebook, and store facts about it in the output's metadata.

JupyterLab doesn't show the metadata and nbval doesn't compare it; the mentor's report reads it.
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

KEY = "course"
SESSION = uuid.uuid4().hex[:8]  # of the kernel: tells what an intern ran from what was given out


def shell() -> Any:
    """The IPython that runs the notebook; None outside of one."""
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def publish(text: str, metadata: dict[str, Any] | None = None, markdown: str | None = None) -> None:
    """Show a text, as Markdown where a notebook can. Outside IPython it is only printed."""
    if shell() is None:
        print(text)
        return
    from IPython.display import publish_display_data

    shown = {"text/plain": text} | ({"text/markdown": markdown} if markdown else {})
    publish_display_data(shown, {KEY: metadata, "session": SESSION} if metadata else {})
