"""`deepcli generate`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import DeviceName, Json, Plugins, RunOrCheckpoint, Verbose, set_verbose

if TYPE_CHECKING:
    from deepcli.api.generating import TextStream

SEPARATOR = "---"
"""The line between several texts."""


@answers("deepcli.cli.json_objects:Generated")
def generate(
    path: RunOrCheckpoint,
    prompt: Annotated[
        str, typer.Argument(help="The text to continue, or - for standard input.", show_default=False)
    ] = "",
    length: Annotated[int, typer.Option(min=1, metavar="N", help="Tokens to write at most.")] = 500,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Below 1 is likelier and duller; 0 always takes the likeliest token.")
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Draw among the K likeliest tokens; default: all.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(metavar="P", help="Draw among the likeliest tokens with probability P together; default: all."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="SEED", help="Equal seeds give equal texts.")] = 0,
    number: Annotated[int, typer.Option(min=1, metavar="N", help="Number of texts.")] = 1,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="End before this text; can be repeated.")
    ] = None,
    unknown: Annotated[
        str, typer.Option(metavar="error|skip", help="For characters or words of the prompt that training lacks.")
    ] = "error",
    plugins: Plugins = None,
    device: DeviceName = None,
    json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Continue a text with a language model, as it is written.

    Without a prompt, a text begins as after an empty line. The prompt is
    printed, too; with --json, the texts are what follows it.

    Example:
    deepcli generate runs/story "The cat" --length 200 --temperature 0.8
    """
    set_verbose(verbose)
    from deepcli.api.generating import GenerateRequest, opened_for_text, prompt_tokens

    text, started = _piped() if prompt == "-" else prompt, time.monotonic()
    request = GenerateRequest(text, length, temperature, top_k, top_p, seed, number, tuple(stop or ()), unknown)  # type: ignore[arg-type]
    request.check()
    checkpoint = opened_for_text(path, device or "auto", plugins or ())
    prompt_tokens(checkpoint.experiment.data, request)  # type: ignore[arg-type]
    streams = _streams(checkpoint, request)
    if not json:
        return _write(streams, text, number)
    from deepcli.cli.json_objects import Generated

    texts = [vars(stream.whole()) for stream in streams]
    seconds = round(time.monotonic() - started, 3)
    facts = {"checkpoint": str(checkpoint.path), "prompt": text, "seed": seed, "texts": texts, "seconds": seconds}
    return emit(Generated.model_validate({"command": "generate", "status": "completed", **facts}))


def _streams(checkpoint: Any, request: Any) -> Any:
    from deepcli.system.backend_startup import import_backend

    import_backend(preferred=checkpoint.experiment.training.backend)
    from deepcli.api.generating import generate
    from deepcli.training.evaluate import load_model

    return generate(load_model(checkpoint), request)


def _piped() -> str:
    """Read standard input; the newline at its end is not part of the prompt, as in `$(...)`."""
    return sys.stdin.buffer.read().decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def _write(streams: Any, prompt: str, number: int) -> None:
    """Print texts piece by piece."""
    shown = _harmless if sys.stdout.isatty() else str
    stream: TextStream
    for place, stream in enumerate(streams):
        if place:
            print(SEPARATOR)
        print(shown(prompt), end="", flush=True)
        for piece in stream:
            print(shown(piece), end="", flush=True)
        print()


def _harmless(text: str) -> str:
    """Escape what a terminal would obey; a model of bytes may write anything."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)
