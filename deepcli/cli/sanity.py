"""`deepcli sanity`."""

from __future__ import annotations

from functools import partial

import typer

from deepcli.cli.answers import answers, emit
from deepcli.cli.options import (
    DataDir,
    Json,
    Offline,
    Overrides,
    Plugins,
    Quiet,
    Verbose,
    Words,
    reporter,
    set_verbose,
    sources,
)


@answers("deepcli.cli.json_objects:SanityChecked")
def sanity(
    words: Words,
    overrides: Overrides = None,
    plugins: Plugins = None,
    data_dir: DataDir = None,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Check that a spec can learn before you train it: nine cheap checks, each a line with its figure.

    The loss at the start, one batch by heart, shuffled targets, gradients, dead
    units, the range of inputs, the order of examples, batch mates, and saving.
    They run on a few hundred examples in under a minute and write nothing.
    Exit code 1 if one fails.

    Example:
    deepcli sanity digits-cnn.yaml
    """
    set_verbose(verbose)
    from deepcli.api.checking import run_sanity

    at = partial(sources, data_dir, offline, quiet)
    show = (lambda line: None) if json or quiet else (lambda line: print(line, flush=True))
    report = run_sanity([*words, *(overrides or ())], at, reporter(quiet), plugins or (), show)
    if json:
        from deepcli.cli.json_objects import SanityChecked

        end = {"status": "completed", "error": None} if report.ok else {"status": "failed", "error": report.verdict}
        emit(SanityChecked.model_validate({"command": "sanity", **report.to_dict(), **end}))
    elif quiet:
        print("\n".join(map(str, report.failed)) or report.verdict)
    else:
        print(f"{report.verdict} ({report.seconds:.0f} s)")
    if not report.ok:
        raise typer.Exit(1)
