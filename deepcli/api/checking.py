"""`deepcli.sanity`: whether a spec can learn at all, before a long run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from deepcli.api.data_sources import data_sources
from deepcli.api.loading import load_parts, plugin_names
from deepcli.api.slow_work import reach_of
from deepcli.api.warned import WarningReporter
from deepcli.system.reach import reaching

if TYPE_CHECKING:
    from deepcli.api.loading import PluginFiles, Source
    from deepcli.data.files import Sources
    from deepcli.doctor.sanity.sanity_report import SanityReport
    from deepcli.run.reporter import Reporter


def sanity(
    *spec: Source,
    plugins: PluginFiles = (),
    data_dir: str | os.PathLike[str] | None = None,
    offline: bool | None = None,
) -> SanityReport:
    """Check that a spec can learn: nine cheap checks that find the commonest silent faults, in under a minute.

    ```python
    report = deepcli.sanity("config.yaml", "optimizer.learning_rate=3e-4")
    report.ok
    report["initial loss"].figures
    ```

    Everything follows from the seed of the spec, on a few hundred of its examples. Nothing is written except into a temporary
    directory. The order is that of Karpathy (2019), "A Recipe for Training Neural Networks".

    Args:
        spec: A file, a dict, or a spec that was loaded; and overrides such as `optimizer.learning_rate=3e-4`.
        plugins: Python files or modules to import first.
        data_dir: A folder with files of textbook data sets.
        offline: Whether downloads are forbidden.

    Returns:
        Each check with its figures; `ok` is whether none failed.

    Raises:
        SpecError: The spec is not valid.
        UsageError: There is no spec, or a plugin cannot be imported.
        DataError: The data cannot be read.
        TrainingError: The model does not fit in memory.
    """
    with reaching(reach_of(offline, progress=False)):
        sources = data_sources(data_dir, offline)
        return run_sanity(spec, lambda: sources, WarningReporter(), plugin_names(plugins))


def run_sanity(
    parts: Sequence[Source],
    at: Callable[[], Sources],
    reporter: Reporter,
    plugins: Sequence[str] = (),
    tell: Callable[[str], object] = lambda line: None,
) -> SanityReport:
    """Load a spec, read its data, and check it; see `sanity`.

    Args:
        parts: The parts of the spec, as `deepcli.load` takes them.
        at: Returns where data are looked for.
        reporter: Shows notices.
        plugins: Python files or modules to import first.
        tell: Called with each line as soon as it is known.
    """
    loaded = load_parts(list(parts), plugins=tuple(plugins))
    for notice in loaded.notices:
        reporter.note(f"notice: {notice}")
    sources = at()
    splits = loaded.experiment.data.load(sources)
    from deepcli.system.backend_startup import import_backend

    import_backend(loaded.experiment.training.backend)
    from deepcli.doctor.sanity.running import check_spec

    return check_spec(loaded.experiment, splits, sources, tuple(plugins), tell)
