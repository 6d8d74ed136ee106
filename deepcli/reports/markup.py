"""Figures as inline SVG, images as HTML, and numbers as text: what templates cannot make themselves."""

from __future__ import annotations

import base64
import io
import math
import re
import zlib
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


LARGEST_SHOWN = 192
"""Pixels of the longer side of an image from which it is made smaller."""


def breakable(name: str) -> Markup:
    """Write a name that may be divided behind each dot and underscore, so that a column can be narrow."""
    return Markup(re.sub(r"(?<=[._])(?=.)", "<wbr>", str(escape(name))))


def decimal(value: float | None) -> str:
    """Write a figure with four digits after the point; empty if there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.4f}"


def significant(value: float | None) -> str:
    """Write a figure of any unit with four significant digits; empty if there is none."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e12 else f"{value:.4g}"


def svg(figure: Figure, *, tight: bool = False) -> Markup:
    """Render a figure as inline SVG with the text color of the page.

    Args:
        figure: The figure.
        tight: Whether to make it as large as what is drawn, where that is more than it has room for.
    """
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "deepcli"}):
        box = "tight" if tight else None
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None}, bbox_inches=box)
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
    """Write an image of uint8 pixels (height, width, channels), with a description for those who do not see it.

    A large one is made as small as it is shown, as a JPEG file.
    """
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    small, kind = max(picture.size) <= LARGEST_SHOWN, ""
    if not small:
        picture = picture.convert("RGB")
        picture.thumbnail((LARGEST_SHOWN, LARGEST_SHOWN))
        kind = ' class="photo"'
    content = io.BytesIO()
    picture.save(content, "png" if small else "jpeg", quality=85)
    encoded, format = base64.b64encode(content.getvalue()).decode(), "png" if small else "jpeg"
    tag = '<img{} alt="{}" src="data:image/{};base64,{}">'
    return Markup(tag).format(Markup(kind), description, format, encoded)
