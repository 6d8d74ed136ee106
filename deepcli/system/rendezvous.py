"""How the processes of a run find each other: process 0 listens at an address that all of them are given."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deepcli.errors import ProcessError, UsageError
from deepcli.system.frames import Link
from deepcli.system.process_group import ConnectedGroup, GroupMember

JOIN, WELCOME, REFUSED = b"J", b"W", b"X"
PATIENCE = 30.0
"""Seconds to wait for process 0, and for all others."""
SECONDS_BETWEEN_TRIES = 0.1
GREETING_SECONDS = 5.0
"""How long a new connection may take to say who it is."""

Note = Callable[[str], object]


@dataclass(frozen=True)
class ProcessPlace:
    """The place of a process among those of a run.

    Attributes:
        coordinator: Host and port at which process 0 listens.
        count: The number of processes.
        index: The number of this process, counted from 0.
        devices: The GPUs of this machine that are this process's; None for all.
    """

    coordinator: str
    count: int
    index: int
    devices: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"--processes: is {self.count}; at least 1 is needed")
        if not 0 <= self.index < self.count:
            raise UsageError(
                f"--process: is {self.index}; the {self.count} processes are counted from 0 to {self.count - 1}"
            )
        host_and_port(self.coordinator)


def host_and_port(address: str) -> tuple[str, int]:
    """Split an address such as `node1:1234` or `[::1]:1234`.

    Raises:
        UsageError: It has no port.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"--coordinator {address}: write HOST:PORT, with a port from 1 to 65535")
    return host.strip("[]"), int(port)


def free_port(host: str) -> int:
    """Return a port that is free now.

    Args:
        host: The host; an IPv6 address gives a port of IPv6.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def join(place: ProcessPlace, facts: Mapping[str, str], note: Note, patience: float = PATIENCE) -> ConnectedGroup:
    """Connect the processes of a run.

    Args:
        place: The place of this process.
        facts: What must be the same everywhere: versions by the name of the package.
        note: Called with the error if this process is ended because another was lost.
        patience: Seconds to wait for the others.

    Raises:
        ProcessError: Process 0 does not answer, or others have not come.
        UsageError: The processes have different versions, numbers or sizes.
    """
    me = GroupMember(place.index, place.count, socket.gethostname(), os.getpid())
    return _gather(place, me, facts, note, patience) if place.index == 0 else _come(place, me, facts, note, patience)


def _come(
    place: ProcessPlace, me: GroupMember, facts: Mapping[str, str], note: Note, patience: float
) -> ConnectedGroup:
    link = _connected(place, patience)
    try:
        link.send(JOIN, json.dumps({"member": asdict(me), "facts": dict(facts)}).encode())
        kind, payload = link.receive(patience + GREETING_SECONDS)  # process 0 waits for the others first
    except OSError as error:
        link.close()
        raise ProcessError(f"process 0 at {place.coordinator} did not take this process in: {error}") from None
    if kind == REFUSED:
        link.close()
        raise UsageError(payload.decode())
    if kind != WELCOME:
        raise ProcessError(f"what listens at {place.coordinator} is not process 0 of a run")
    return ConnectedGroup(me, {0: link}, {0: GroupMember(**json.loads(payload))}, note)


def _connected(place: ProcessPlace, patience: float) -> Link:
    """Connect to process 0, which may start later than this process.

    Raises:
        ProcessError: It does not answer.
    """
    deadline, why = time.monotonic() + patience, "no answer"
    while time.monotonic() < deadline:
        try:
            stream = socket.create_connection(
                host_and_port(place.coordinator), max(deadline - time.monotonic(), SECONDS_BETWEEN_TRIES)
            )
            return Link(stream)
        except OSError as error:
            why = error.strerror or str(error)
            time.sleep(SECONDS_BETWEEN_TRIES)
    raise ProcessError(
        f"the coordinator {place.coordinator} has not answered for {patience:.0f} seconds ({why}); start process 0 of "
        f"{place.count} there, with the same --coordinator"
    )


def _gather(
    place: ProcessPlace, me: GroupMember, facts: Mapping[str, str], note: Note, patience: float
) -> ConnectedGroup:
    deadline = time.monotonic() + patience
    links: dict[int, Link] = {}
    names = {0: me}
    with _listening(place.coordinator, place.count) as listener:
        while len(names) < place.count:
            listener.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                stream, _ = listener.accept()
            except TimeoutError:
                _refuse([*links.values()], text := _missing(place, names, patience))
                raise ProcessError(text) from None
            if (came := _greeted(Link(stream), place, names, facts)) is None:
                continue
            link, member, problem = came
            if problem:
                _refuse([*links.values(), link], problem)
                raise UsageError(problem)
            links[member.index], names[member.index] = link, member
    for link in links.values():
        with contextlib.suppress(OSError):  # the threads that listen find out
            link.send(WELCOME, json.dumps(asdict(me)).encode())
    return ConnectedGroup(me, links, names, note)


def _listening(address: str, count: int) -> socket.socket:
    host, port = host_and_port(address)
    listener = None
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(count)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ProcessError(
            f"process 0 cannot listen at {address}: {error.strerror or error}; --coordinator is the address of the machine "
            "of process 0, with a free port"
        ) from None
    return listener


def _greeted(
    link: Link, place: ProcessPlace, names: Mapping[int, GroupMember], facts: Mapping[str, str]
) -> tuple[Link, GroupMember, str] | None:
    """Read who has connected; return also why it cannot take part, or None for a stranger."""
    try:
        kind, payload = link.receive(GREETING_SECONDS)
        told: dict[str, Any] = json.loads(payload) if kind == JOIN else {}
        member, theirs = GroupMember(**told["member"]), dict(told["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        link.close()
        return None
    return link, member, _problem(member, theirs, place, names, facts)


def _problem(
    member: GroupMember,
    theirs: Mapping[str, str],
    place: ProcessPlace,
    names: Mapping[int, GroupMember],
    facts: Mapping[str, str],
) -> str:
    if member.count != place.count:
        return f"{member} was started with --processes {member.count}, process 0 with {place.count}"
    if member.index in names:
        return f"--process {member.index} was given twice: to {names[member.index]} and to {member}"
    for name, version in facts.items():
        if theirs.get(name) != version:
            return f"{member} has {name} {theirs.get(name)}, process 0 has {version}; install the same version"
    return ""


def _missing(place: ProcessPlace, names: Mapping[int, GroupMember], patience: float) -> str:
    missing = [index for index in range(place.count) if index not in names]
    which = ", ".join(map(str, missing[:8])) + ", …" * (len(missing) > 8)
    return (
        f"process{'es' * (len(missing) > 1)} {which} of {place.count} did not connect to {place.coordinator} within "
        f"{patience:.0f} seconds"
    )


def _refuse(links: Sequence[Link], text: str) -> None:
    for link in links:
        with contextlib.suppress(OSError):
            link.send(REFUSED, text.encode())
        link.close()
