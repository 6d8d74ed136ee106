"""HTML from the templates beside this module; every value is escaped, except one that is `Markup` already."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepcli.reports.markup import breakable, decimal, significant


def render(template: str, **values: Any) -> Markup:
    """Fill in a template.

    Args:
        template: The name of a file in `templates`.
        values: What the template names; a name that is missing is an error.

    Returns:
        HTML that other templates take as it is.
    """
    return Markup(_environment().get_template(template).render(values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("deepcli.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"breakable": breakable, "decimal": decimal, "significant": significant}
    return environment
