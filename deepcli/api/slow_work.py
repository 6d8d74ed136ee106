"""How downloads and decoding are shown, which may happen whenever own data are looked at; light to import."""

from __future__ import annotations

import sys

from deepcli.system.reach import Reach

MANY_PICTURES = 1000
"""Pictures from which their decoding is worth a line in a log."""


def reach_of(offline: bool | None, progress: bool) -> Reach:
    """Return what looking at own data may do in a call or command.

    Args:
        offline: Whether downloads are forbidden; None: `DEEPCLI_OFFLINE`, else allowed.
        progress: Whether to show how far downloads and decoding are.
    """
    return Reach(offline, download_progress, decoding_progress) if progress else Reach(offline)


def download_progress(name: str, done: int, total: int | None) -> None:
    """Show a download's progress: updated in place on a terminal, one line at the end elsewhere."""
    from deepcli.api.activity import show_how_far
    from deepcli.system.live_line import can_redraw

    megabytes = f"{done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else "")
    ended = done == total
    if show_how_far("" if ended else f"downloading {name}: {megabytes}"):
        if ended:
            print(f"downloaded {name}: {megabytes}", file=sys.stderr, flush=True)
    elif can_redraw(sys.stderr):
        print(f"\rdownloading {name}: {megabytes}", end="\n" if ended else "", file=sys.stderr, flush=True)
    elif ended:
        print(f"downloaded {name}: {megabytes}", file=sys.stderr, flush=True)


def decoding_progress(what: str, done: int, total: int) -> None:
    """Show how far pictures are decoded: updated in place on a terminal and removed, one line for many elsewhere."""
    from deepcli.api.activity import show_how_far
    from deepcli.system.live_line import can_redraw

    text = "" if done == total else f"decoding {what}: {done:,} of {total:,}"
    if show_how_far(text):
        return
    if can_redraw(sys.stderr):
        print(f"\033[K{text}", end="\r", file=sys.stderr, flush=True)
    elif done == total >= MANY_PICTURES:
        print(f"decoded {total:,} {what} into deepcli's cache", file=sys.stderr, flush=True)
