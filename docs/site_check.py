"""The check that ends `make site`: no page, style or picture of the site asks another host for anything."""

import re
from pathlib import Path
from typing import Any

FETCHES = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data|srcset)\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|<link\b(?=[^>]*\brel\s*=\s*["']?(?:stylesheet|preload|preconnect|icon|dns-prefetch|modulepreload))[^>]*?\bhref\s*=\s*["']?(?:https?:)?//[^"'\s>]+"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]+\)|@import\s+["'](?:https?:)?//[^"']+""",
    re.IGNORECASE,
)


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
