"""An executed notebook as an HTML page that needs no network: formulas are MathML."""

from __future__ import annotations

import re
from typing import Any

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath


class _Renderer(IPythonRenderer):
    def inline_math(self, body: str) -> str:
        return self._mathml(body, "inline", super().inline_math(body))

    def block_math(self, body: str) -> str:
        # The converter knows "aligned" by its other name only.
        body = body.replace("{aligned}", "{align*}")
        return self._mathml(body, "block", super().block_math(body))

    def _mathml(self, body: str, display: str, as_typed: str) -> str:
        try:
            return convert(body, display=display)
        except Exception:  # the converter has a dozen for an intern's unfinished formula
            return as_typed


class _Exporter(HTMLExporter):
    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        pasted = context.get("cell", {}).get("attachments", {})
        return MarkdownWithMath(_Renderer(escape=False, attachments=pasted)).render(source)


def as_html(notebook: Any) -> str:
    """The page; nbconvert's own asks a server for the scripts that draw formulas and widgets."""
    page, _ = _Exporter().from_notebook_node(notebook)
    return re.sub(r'<script src="https://[^"]*">\s*</script>', "", page)
