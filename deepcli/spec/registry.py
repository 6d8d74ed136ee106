"""Components and registries: one frozen class is schema, documentation, registry entry and builder at once."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from deepcli.spec.spelling import did_you_mean

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

Issue = tuple[tuple[str | int, ...], str]
"""A place inside a spec, and why its value does not fit the rest of the spec."""


class Spec(BaseModel):
    """A section of a spec: frozen, strict about types, and without unknown keys.

    Attributes:
        path_fields: The fields that are paths of files or folders; a run stores them as absolute paths.
        path_words: Words that stand for something else in these fields.
    """

    path_fields: ClassVar[tuple[str, ...]] = ()
    path_words: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True, defer_build=True
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        _take_lists_for_tuples(schema)
        return schema


def _take_lists_for_tuples(schema: Any) -> None:
    """Accept a list for every tuple inside a schema: YAML has only lists, and frozen specs only tuples."""
    if isinstance(schema, dict):
        if schema.get("type") == "tuple":
            schema["strict"] = False
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            _take_lists_for_tuples(inner)


class Component(Spec):
    """Something that a spec names by its `type`."""

    type: str

    @classmethod
    def example(cls) -> Self:
        """Make an example for tests and documentation; a class with required fields must override this."""
        return cls.model_validate({})


C = TypeVar("C", bound=Component)
_registrations: list[tuple[Registry[Any], str, type[Any] | None]] = []
"""Each registration so far: where, under which name, and the class that had the name before."""


@contextlib.contextmanager
def whole_modules() -> Iterator[None]:
    """Undo what was registered inside by a module that could not be imported to its end."""
    before = len(_registrations)
    try:
        yield
    except BaseException:
        for registry, name, earlier in reversed(_registrations[before:]):
            if registry[name].__module__ in sys.modules:
                continue
            if earlier is None:
                del registry._classes[name]
            else:
                registry._classes[name] = earlier
        del _registrations[before:]
        raise


class Registry(Generic[C]):
    """The components of one kind by name; as an annotation, the field type that picks among them.

    Args:
        kind: What its entries are called, in the plural (`"models"`).
        default: The type of a section without `type`; None if `type` is required.
    """

    def __init__(self, kind: str, default: str | None = None) -> None:
        self.kind = kind
        self.default = default
        self._classes: dict[str, type[C]] = {}
        self._describing = False

    def register(self, cls: type[C]) -> type[C]:
        """Add a class under the default of its `type` field; a class decorator.

        Raises:
            ValueError: The name is taken by another class, or the class has no docstring.
        """
        name = cls.model_fields["type"].default
        known = self._classes.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise ValueError(f"{self.kind}: {name!r} is already registered by {known.__module__}.{known.__qualname__}")
        if "__doc__" not in vars(cls) or not cls.__doc__:
            raise ValueError(f"{self.kind}: {name!r} needs a docstring; it is what `deepcli list` shows")
        _registrations.append((self, name, known))
        self._classes[name] = cls
        return cls

    def __getitem__(self, name: str) -> type[C]:
        return self._classes[name]

    def get(self, name: object) -> type[C] | None:
        """Look a class up by name; None for a name (or anything else) that is not registered."""
        return self._classes.get(name) if isinstance(name, str) else None

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def __len__(self) -> int:
        return len(self._classes)

    def type_of(self, value: object) -> object:
        """Return the type that an unvalidated section names: its `type`, a bare name, or the default."""
        if isinstance(value, Mapping):
            return value.get("type", self.default)
        return value

    def written_out(self, value: object) -> object:
        """Return a bare name as the mapping that it is short for; anything else unchanged."""
        return {"type": value} if isinstance(value, str) else value

    def beside(self, value: object, sections: Mapping[str, Any]) -> object:
        """Return an unvalidated section as it is meant beside the sections before it, which are valid; here, unchanged."""
        return value

    def select(self, value: object) -> C:
        """Turn a name, a mapping with `type` or a component of this registry into a validated component.

        Raises:
            ValidationError: With locations relative to the section.
        """
        if isinstance(value, Component):
            if not self.has(value):
                raise validation_error([((), self.foreign(value))], value)
            return value  # type: ignore[return-value]
        if not isinstance(value, str | Mapping):
            raise validation_error([((), f"should be a name or a mapping with `type`, not {show(value)}")], value)
        name = self.type_of(value)
        cls = self.get(name)
        if cls is None:
            loc = ("type",) if isinstance(value, Mapping) and "type" in value else ()
            raise validation_error([(loc, self.unknown(name))], name)
        written = self.written_out(value)
        fields = dict(written) if isinstance(written, Mapping) else {}
        return cls.model_validate({**fields, "type": name})

    def has(self, component: Component) -> bool:
        """Return whether a component's class, or an earlier definition of the same class, is registered here."""
        known, cls = self.get(component.type), type(component)
        return known is not None and (known.__module__, known.__qualname__) == (cls.__module__, cls.__qualname__)

    def foreign(self, component: Component) -> str:
        """Return the error message for a component that is not registered here."""
        cls = type(component)
        return (
            f"should be one of the {self.kind}, not {cls.__qualname__} of {cls.__module__}; "
            f"known {self.kind}: {', '.join(self)}; the decorator `register` adds a class of your own"
        )

    def unknown(self, name: object) -> str:
        """Return the error message for a name that is not registered."""
        known = f"known {self.kind}: {', '.join(self)}"
        if name is None:
            return f"`type` is missing; {known}"
        return f"unknown type {show(name)}; {did_you_mean(name, self)}{known}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        dump = core_schema.plain_serializer_function_ser_schema(
            lambda component, info: component.model_dump(mode=info.mode), info_arg=True
        )
        return core_schema.with_info_plain_validator_function(self._chosen, serialization=dump)

    def _chosen(self, value: object, info: core_schema.ValidationInfo) -> C:
        return self.select(self.beside(value, getattr(info, "data", None) or {}))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        bare = [name for name in self if not any(field.is_required() for field in self[name].model_fields.values())]
        if self._describing:
            # A layer inside a layer is described once only, or the recursion would never end.
            return {"anyOf": [{"enum": bare}, {"type": "object", "required": ["type"]}]}
        self._describing = True
        try:
            words = [{"enum": bare}, *self.other_words()]
            return {"anyOf": [*words, *(self._object(name, handler) for name in self)]}
        finally:
            self._describing = False

    def _object(self, name: str, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe one component as a mapping whose `type` is a constant, under a reference of its own."""
        cls = self[name]
        cls.model_rebuild()
        named = {**cls.__pydantic_core_schema__, "ref": f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"}
        # Inside `definitions` pydantic files a schema under its reference instead of copying it.
        reference = handler(core_schema.definitions_schema(cast("CoreSchema", named), []))
        described = handler.resolve_ref_schema(reference)
        described["title"] = f"{self.kind}: {name}"
        described["properties"]["type"] = {"const": name}
        required = [field for field in described.get("required", []) if field != "type"]
        described["required"] = required if self.known_without_type(name) else ["type", *required]
        return reference

    def other_words(self) -> list[JsonSchemaValue]:
        """Return the JSON schemas of words that stand for a component and are not names of one."""
        return []

    def known_without_type(self, name: str) -> bool:
        """Return whether a mapping without `type` can mean a component."""
        return name == self.default


def validation_error(problems: Iterable[Issue], value: object) -> ValidationError:
    """Combine misfits into one validation error, each with its own location."""
    details = [
        InitErrorDetails(type=PydanticCustomError("misfit", "{why}", {"why": why}), loc=loc, input=value)
        for loc, why in problems
    ]
    return ValidationError.from_exception_data("spec", details)


def validate(value: C, check: Callable[[C], Iterable[Issue]]) -> C:
    """Return the value, or raise all the misfits that the check finds in it."""
    problems = list(check(value))
    if problems:
        raise validation_error(problems, value)
    return value


def show(value: object) -> str:
    """Quote a value from a spec for an error message, briefly."""
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
