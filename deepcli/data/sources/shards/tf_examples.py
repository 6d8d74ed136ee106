"""Reads `tf.train.Example`, the records that TensorFlow Datasets writes, through protobuf and without TensorFlow."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from deepcli.system import extras

Values = list[Any]
"""The values of a field: bytes, integers or real numbers."""


def read_example(content: bytes) -> dict[str, Values]:
    """Return the fields of an example by name.

    Raises:
        ValueError: It is not an example.
        UsageError: protobuf is not installed.
    """
    made = _message()()
    try:
        made.ParseFromString(content)
    except Exception:  # protobuf has errors of its own
        raise ValueError("is not a tf.train.Example") from None
    fields = {name: _values(feature) for name, feature in made.features.feature.items()}
    if not fields:
        raise ValueError("is not a tf.train.Example")
    return fields


def _values(feature: Any) -> Values:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


@lru_cache(1)
def _message() -> Any:
    """Make the class of examples; in a pool of its own, as TensorFlow has the same names in the usual one."""
    extras.demand("tf.train.Example:", ("google.protobuf",), "grain")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="deepcli_example.proto", package="tensorflow", syntax="proto3")
    repeated, single = (
        descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
        descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, kind in (("Bytes", kinds.TYPE_BYTES), ("Float", kinds.TYPE_FLOAT), ("Int64", kinds.TYPE_INT64)):
        file.message_type.add(name=f"{name}List").field.add(name="value", number=1, label=repeated, type=kind)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("Bytes", "Float", "Int64"), 1):
        feature.field.add(
            name=f"{name.lower()}_list", number=number, label=single, type=kinds.TYPE_MESSAGE,
            type_name=f".tensorflow.{name}List", oneof_index=0,
        )  # fmt: skip
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=single, type=kinds.TYPE_STRING)
    of_feature = {"type": kinds.TYPE_MESSAGE, "type_name": ".tensorflow.Feature"}
    entry.field.add(name="value", number=2, label=single, **of_feature)
    entries = {"type": kinds.TYPE_MESSAGE, "type_name": ".tensorflow.Features.FeatureEntry"}
    features.field.add(name="feature", number=1, label=repeated, **entries)
    example = file.message_type.add(name="Example")
    example.field.add(
        name="features", number=1, label=single, type=kinds.TYPE_MESSAGE, type_name=".tensorflow.Features"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))
