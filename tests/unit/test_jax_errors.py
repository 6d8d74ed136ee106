"""What JAX raises in a step is said in words of ours."""

import pytest

from deepcli.errors import TrainingError

pytest.importorskip("jax")
import jax

from deepcli.training.jax_backend import JaxBackend
from deepcli.training.jax_placement import OneDevice


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes.", MemoryError, "Out of memory allocating"),
        (
            "INTERNAL: YNNPACK operation failed: error\nmore",
            TrainingError,
            "^JAX failed: INTERNAL: YNNPACK .* error; if memory",
        ),
    ],
)
def test_a_failed_step_says_what_may_have_happened(said, kind, message):
    with pytest.raises(kind, match=message), JaxBackend(OneDevice()).scope():
        raise jax.errors.JaxRuntimeError(said)
