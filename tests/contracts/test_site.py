"""The site asks no other host for anything: `make site` ends with this check."""

import importlib.util

import pytest

from tests.pages import DOCS, ROOT


@pytest.fixture
def hooks():
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="https://unpkg.com/x"></script>',
        "<img alt='' src='//host/x.png'>",
        '<link rel="stylesheet" href="https://fonts.host/css">',
        "<link href=https://fonts.host rel=preconnect>",
        "@font-face { src: url('https://host/x.woff2') }",
        '@import "https://host/x.css";',
    ],
)
def test_what_a_browser_would_fetch_is_found(hooks, text):
    assert hooks.FETCHES.search(text)


@pytest.mark.parametrize(
    "text",
    ['<a href="https://keras.io">', '<svg xmlns="http://www.w3.org/2000/svg">', '<img src="../report.png">',
     '<link rel="stylesheet" href="assets/main.css">', "url(data:image/svg+xml;base64,x)"],
)  # fmt: skip
def test_what_a_browser_does_not_fetch_is_left_alone(hooks, text):
    assert not hooks.FETCHES.search(text)


def test_the_pictures_of_the_pages_fetch_nothing(hooks):
    pictures = [*DOCS.rglob("*.svg")]
    assert pictures
    assert not any(hooks.FETCHES.search(path.read_text(encoding="utf-8")) for path in pictures)


def test_the_copy_of_the_shim_replaces_the_address_of_the_theme(hooks):
    class Page:
        url = "how-to/predict.html"

    page = hooks.on_post_page(f'<script src="{hooks.SHIM}">', Page, {})
    assert page == '<script src="../iframe-worker.js">'
    assert (ROOT / "docs" / "iframe-worker.js").is_file()
