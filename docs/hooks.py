"""What `make site` does beside the theme: no page, style or picture of the site asks another host for anything."""

import re
from pathlib import Path
from typing import Any

FETCHES = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data|srcset)\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel\s*=\s*["']?(?:stylesheet|preload|preconnect|icon|dns-prefetch|modulepreload))[^>]*?\bhref\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]+\)|@import\s+["'](?:https?:)?//[^"']+""",
    re.IGNORECASE,
)

SHIM = "https://unpkg.com/iframe-worker/shim"
"""The theme would load this from another host to search where pages are opened as files; the copy here does it."""


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Name the copy of the shim in a page."""
    return output.replace(SHIM, "../" * page.url.count("/") + "iframe-worker.js")


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """Name the copy of the shim in a page that stands for any address, such as 404.html."""
    return output_content.replace(SHIM, "/iframe-worker.js")


def fetches(site: Path) -> list[str]:
    """List what files of a built site would fetch from other hosts, each with its file."""
    files = [path for path in sorted(site.rglob("*")) if path.suffix in {".html", ".css", ".svg"}]
    assert len(files) > 40
    return [
        f"{path.relative_to(site)}: {found[0]}"
        for path in files
        for found in FETCHES.finditer(path.read_text(encoding="utf-8"))
    ]


def on_post_build(config: Any) -> None:
    """Fail the build if the site needs a network.

    Raises:
        SystemExit: It does.
    """
    if found := fetches(Path(config["site_dir"])):
        raise SystemExit("the site asks other hosts:\n" + "\n".join(found))
