"""Every state with every input: what a cell of such a table says, and how it is found out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from copy import copy
from typing import Any

from tests.proto.byhand import ByHand

from agentgate_proto.connection.events import Closed
from agentgate_proto.errors import ProtocolError


def deed(peer: ByHand, act: Callable[[], Any]) -> str:
    """Do something to a machine and say in one line what came of it.

    First what was raised, then what was sent (error codes, ``result``, ``push``, ``asks``,
    frames), then the events, then the state if it is another one. ``-``: nothing at all.
    """
    before = snapshot(peer)
    had_head = bool(peer.head)
    state = peer.machine.state
    said = []
    try:
        act()
    except ProtocolError as error:
        said.append(type(error).__name__)
        assert snapshot(peer) == before, "whatever is refused changes nothing"
    peer.drain()
    if peer.head and not had_head:
        said.append(peer.head.split()[1].decode())
    said += [of_message(message) for message in peer.heard()]
    said += [of_event(event) for event in peer.happened()]
    if peer.machine.state is not state:
        said.append(f"→{peer.machine.state.name}")
    return " ".join(said) or "-"


def snapshot(peer: ByHand) -> Any:
    """All that a machine remembers."""
    machine = peer.machine
    return (
        {
            name: copy(value) if isinstance(value, bytearray | set | deque) else value
            for name, value in vars(machine).items()
        },
        dict(machine.timers.deadlines),
        dict(machine._in_flight._batches),
        dict(machine._outstanding._methods),
        bytes(machine.wire.out),
    )


def of_message(message: Any) -> str:
    """One word for what the other end hears."""
    if isinstance(message, list):
        return f"[{' '.join(of_message(element) for element in message)}]"
    if not isinstance(message, dict):
        return str(message)
    if "error" in message:
        return str(message["error"]["code"])
    if "result" in message:
        return "result"
    return "asks" if "id" in message else "tells"


def of_event(event: Any) -> str:
    """One word for an event."""
    if isinstance(event, Closed):
        return f"Closed({event.code}{', by peer' if event.by_peer else ''})"
    return type(event).__name__


def cell(row: dict[str, str], state: str) -> str:
    """Look a state up in a row whose keys are lists of states; ``-`` if it is in none."""
    return next((said for states, said in row.items() if state in states.split()), "-")
