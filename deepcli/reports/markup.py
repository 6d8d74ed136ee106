"""Pieces of HTML that reports are made of: tables, figures as inline SVG, pictures; all text is escaped."""

from __future__ import annotations

import base64
import io
import math
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def table(head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> Markup:
    """Write a table of cells that `cell` wrote."""
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in ([head] if head else []) + list(rows))
    return Markup(f'<div class="scroll"><table class="{escape(kind)}">{lines}</table></div>')


def cell(value: object, tag: str = "td", number: bool = False) -> Markup:
    """Write a cell of a table; numbers are aligned to the right."""
    return Markup(f"<{tag}{' class=n' if number else ''}>{escape(str(value))}</{tag}>")


def decimal(value: float | None) -> str:
    """Write a figure with four digits after the point; empty if there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.4f}"


def significant(value: float | None) -> str:
    """Write a figure of any unit with four significant digits; empty if there is none."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e12 else f"{value:.4g}"


def svg(figure: Figure) -> Markup:
    """Render a figure as inline SVG with the text color of the page."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "deepcli"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"#000000|#262626", "currentColor", drawn)
    return Markup(f"<figure>{_own_ids(drawn)}</figure>")


def _own_ids(svg: str) -> str:
    """Make the ids in a figure unique within a page of several figures."""
    mark = f"f{zlib.crc32(svg.encode())}-"
    svg = re.sub(r'\bid="', f'id="{mark}', svg)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}", svg)


def image(pixels: np.ndarray, description: str) -> Markup:
    """Write an image of uint8 pixels (height, width, channels), with a description for those who do not see it."""
    from matplotlib.image import imsave

    png = io.BytesIO()
    plane = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    imsave(png, plane, format="png", cmap="gray", vmin=0, vmax=255)
    encoded = base64.b64encode(png.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(description, encoded)
