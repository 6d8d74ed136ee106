"""What a process of a Ray of this machine imports before it is asked for anything."""

import contextlib
import os

from deepcli.errors import DeepcliError
from deepcli.sweeps.engines import ray_actor  # noqa: F401, which actors are made of
from deepcli.sweeps.engines.ray_cluster import BACKEND
from deepcli.system.backend_startup import import_backend

with contextlib.suppress(DeepcliError):  # the actor says it, and where it is
    import_backend(os.environ.get(BACKEND, "auto"))
    from deepcli.sweeps.workers import worker  # noqa: F401
