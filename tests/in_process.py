"""Stands in for the processes of `deepcli verify-resume`, where a test does not need real ones: a kill is an exception."""

from __future__ import annotations

import io
import json
from typing import Any, ClassVar

from deepcli.api import resume_worker
from deepcli.errors import DeepcliError
from deepcli.spec.variables import allowing


class Dead(BaseException):
    """Ends a run as a kill does, without ending the process of the test."""


class Messenger(resume_worker.PlaceReporter):
    """Keeps its messages, and ends the run at its place."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.sent: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        self.sent.append(json.loads(json.dumps(message)))
        if "at" in message:
            self.target = None
            raise Dead


class InProcess:
    """Does the work of a process in this one, where nothing has to be imported again."""

    starts: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, words: Any, request: dict[str, Any], slot: int, environment: Any, messages: Any) -> None:
        self.starts.append(request)
        reporter = Messenger()
        try:
            with allowing(request["variables"]):
                result = resume_worker._train({**request, "measure": False}, reporter)
            reporter.sent.append({"result": result})
        except Dead:
            pass
        except DeepcliError as error:
            reporter.sent.append({"error": str(error), "code": error.exit_code})
        for message in [*reporter.sent, None]:
            messages.put((slot, message))

    def kill(self) -> None:
        """Do nothing: the work is done."""

    def ended(self, last: dict[str, Any]) -> dict[str, Any]:
        """Return the last message."""
        return last
