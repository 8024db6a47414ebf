"""Who may have a seat, and under which names messages go."""

from __future__ import annotations

from tests.server.faces.memory_link import MemoryUpstreams
from tests.server.faces.plain_sockets import NOW, PlainSockets

from agentgate_proto.faces.socketio.events import Answered
from agentgate_proto.principal import Role
from agentgate_server.faces.consoles import new_prefix
from agentgate_server.faces.controller import ControllerConsoles


def test_consoles_are_peoples_programs() -> None:
    sockets = PlainSockets()
    consoles = ControllerConsoles(MemoryUpstreams(), sockets, sockets.settle)
    assert consoles.roles == {Role.CONSOLE}
    assert consoles.namespaces == {"/clients"}


def test_an_answer_to_nothing_is_nothing() -> None:
    sockets = PlainSockets()
    consoles = ControllerConsoles(MemoryUpstreams(), sockets, sockets.settle)
    consoles.handle(Answered(socket=1, ack=1, args=[]), NOW)
    assert not sockets.told


def test_prefixes_are_never_the_same() -> None:
    assert len({new_prefix() for _ in range(100)}) == 100
