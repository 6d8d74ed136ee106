"""What the study of a sweep in a database says about the sweep, so that a machine needs nothing else to work on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deepcli import __version__
from deepcli.data.fingerprint import compared
from deepcli.errors import DataError, RunError, UsageError
from deepcli.run.recorded_files import described_files
from deepcli.sweeps.plan import Plan, identity

if TYPE_CHECKING:
    import optuna

    from deepcli.data.arrays.splits import Provenance

KEY = "deepcli"
"""The attribute of the study."""

FORMAT = 1

LIBRARIES = ("keras", "tensorflow", "jax", "numpy")
"""Packages whose versions change figures."""

SHOWN = 16
"""Digits of a SHA-256 that are shown."""


@dataclass(frozen=True)
class Published:
    """A sweep as its study describes it.

    Attributes:
        version: The version of deepcli that started the sweep, or continued it last.
        spec: A hash of the spec with its defaults.
        plan: The plan as JSON values.
        data: Fingerprints of the data.
        source: Where the data were on the machine that started it.
        files: Path and SHA-256 of each plugin and each file that the model starts from, by name.
        libraries: Versions of the libraries that compute.
    """

    version: str
    spec: str
    plan: Mapping[str, Any]
    data: Mapping[str, str | None]
    source: str
    files: Mapping[str, Mapping[str, str]]
    libraries: Mapping[str, str]

    @classmethod
    def of(cls, plan: Plan, data: Provenance) -> Self:
        """Describe a sweep on this machine."""
        base = plan.experiment({})
        return cls(
            __version__,
            identity(base),
            plan.to_json(),
            data.fingerprint,
            str(data.source),
            described_files(base, plan.plugins),
            _libraries(),
        )

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Restore what `to_json` returned.

        Raises:
            RunError: It is damaged, or from a newer version.
        """
        try:
            if stored["format"] != FORMAT:
                raise RunError(
                    f"the sweep was started by a newer version of deepcli ({stored['version']}); install it here"
                )
            mappings = [dict(stored[name]) for name in ("plan", "data", "files", "libraries")]
            texts = [stored[name] for name in ("version", "spec", "source")]
            if not all(isinstance(text, str) for text in texts):
                raise TypeError
            return cls(texts[0], texts[1], mappings[0], mappings[1], texts[2], mappings[2], mappings[3])
        except (TypeError, KeyError, ValueError, AttributeError):
            raise RunError(
                f"what the study says about the sweep (its attribute {KEY!r}) is damaged; run the `deepcli sweep run` "
                "command again that started it"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {
            "format": FORMAT,
            "version": self.version,
            "spec": self.spec,
            "plan": dict(self.plan),
            "data": dict(self.data),
            "source": self.source,
            "files": dict(self.files),
            "libraries": dict(self.libraries),
        }

    def demand_plugins(self, name: str, plugins: tuple[str, ...]) -> None:
        """Check that the plugins of the sweep are given, and that their files have not changed.

        Raises:
            UsageError: One is not given.
            RunError: One is another file.
        """
        given = {Path(plugin).name: plugin for plugin in plugins}
        if missing := [plugin for plugin in _texts(self.plan.get("plugins")) if Path(plugin).name not in given]:
            words = " ".join(f"--plugin {Path(plugin).name}" for plugin in missing)
            raise UsageError(f"the sweep {name} uses {words}; give it with its path on this machine")

    def demand_same(self, name: str, plan: Plan, data: Provenance) -> None:
        """Check that trials that are trained here are those of the sweep, and not others of the same name.

        Args:
            name: The study's name.
            plan: The plan as it is on this machine.
            data: The data as they are on this machine.

        Raises:
            RunError: The version, the spec or a file differs.
            DataError: The data differ.
        """
        for why in self._differences(name, plan):
            raise RunError(why)
        pair = compared(self.data, data.fingerprint)
        if pair is not None and pair[0] != pair[1]:
            raise DataError(
                f"the data differ from those of the sweep {name}\n"
                f"  of the sweep  SHA-256 {pair[0][:SHOWN]}...  {self.source}\n"
                f"  read here     SHA-256 {pair[1][:SHOWN]}...  {data.source}\n"
                "copy the sweep's data to this machine"
            )

    def notices(self) -> Iterator[str]:
        """Yield a notice for each library of another version, which may change the last digits of figures."""
        here = _libraries()
        for library, version in self.libraries.items():
            if here.get(library, version) != version:
                yield (
                    f"notice: {library} is {here[library]} here and {version} where the sweep was started, so figures may "
                    "differ a little"
                )

    def _differences(self, name: str, plan: Plan) -> Iterator[str]:
        if self.version != __version__:
            yield (
                f"the sweep {name} was started or last continued with deepcli {self.version}, and this is {__version__}; "
                f"install deepcli {self.version} here, or run its `deepcli sweep run` command again with {__version__}"
            )
        base = plan.experiment({})
        if identity(base) != self.spec:
            yield (
                f"the spec of the sweep {name} means something else on this machine: a component or a default differs; "
                "install the same deepcli and the same plugins as where the sweep was started"
            )
        here = {Path(key).name: found for key, found in described_files(base, plan.plugins).items()}
        for key, known in self.files.items():
            found = here.get(Path(key).name)
            if found is None:
                yield f"{key}: {known.get('path')} is not on this machine; the sweep {name} needs it, so copy it here"
            elif found["sha256"] != known.get("sha256"):
                yield (
                    f"{key}: {found['path']} is not the file of the sweep {name}\n"
                    f"  of the sweep  SHA-256 {str(known.get('sha256'))[:SHOWN]}...\n"
                    f"  here          SHA-256 {found['sha256'][:SHOWN]}...\n"
                    "copy the sweep's file to this machine"
                )


def read_published(storage: optuna.storages.BaseStorage, study: str) -> Published | None:
    """Read what a study says about its sweep; None if the study does not exist, or is of an earlier version.

    Raises:
        RunError: It is damaged, or from a newer version.
    """
    try:
        stored = storage.get_study_user_attrs(storage.get_study_id_from_name(study)).get(KEY)
    except KeyError:
        return None
    return None if stored is None else Published.from_json(stored)


def _texts(items: Any) -> list[str]:
    return [str(item) for item in items] if isinstance(items, list) else []


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
