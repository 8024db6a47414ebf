"""Consoles of a controller, on sockets in memory and a link in memory."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.faces.memory_link import MemoryLink, MemoryUpstreams
from tests.server.faces.plain_sockets import NOW, PlainSockets

from agentgate_proto.faces.consoles.controller import NO_ACCESS, NO_CLIENT, Remote
from agentgate_proto.faces.consoles.talks import HELD_S
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_server.faces.controller import ControllerConsoles, remote_of
from agentgate_server.relay.link import LinkState, LinkStatus

pytestmark = pytest.mark.anyio


def controller(*links: MemoryLink) -> PlainSockets:
    sockets = PlainSockets()
    sockets.application = ControllerConsoles(MemoryUpstreams(*links), sockets, sockets.settle)
    return sockets


def forward(sockets: PlainSockets, socket: int, event: str, agent: str, **payload: Any) -> None:
    sockets.send(socket, "forward", {"event": event, "payload": payload, "agentId": agent})


def texts(told: list[tuple[str, Any]]) -> list[str]:
    """What was said, in order."""
    lines = [each["payload"] for _, each in told if each.get("event") == "chatMessage"]
    return [line["text"] for line in lines]


def events(told: list[tuple[str, Any]]) -> list[str]:
    return [each.get("event", name) if name == "forwardedEvent" else name for name, each in told]


async def test_what_is_said_is_shown_to_every_console_of_the_agent_and_to_no_other() -> None:
    link = MemoryLink()
    sockets = controller(link)
    for socket, (name, agent) in {1: ("anna", "a1"), 2: ("bob", "a1"), 3: ("bob", "a2")}.items():
        sockets.connect(socket, name)
        sockets.send(socket, "setClient", {"clientId": "c1"})
        forward(sockets, socket, "login", agent, password="s1" if agent == "a1" else "s2")
    forward(sockets, 1, "chat", "a1", message="Hi")
    assert texts(sockets.told[1]) == texts(sockets.told[2]) == ["Hi"]
    assert texts(sockets.told[3]) == []
    assert link.said[0][1] == OnBehalf(principal="anna", hops=("here",))
    assert sockets.settled


async def test_an_upstream_that_there_is_not_and_one_that_is_not_for_all_look_alike() -> None:
    sockets = controller(MemoryLink(consoles=frozenset({"bob"})))
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    sockets.send(1, "setClient", {"clientId": "c9"})
    assert sockets.told[1] == [("error", {"message": NO_ACCESS})] * 2


async def test_a_link_is_logged_in_to_an_agent_as_long_as_a_console_uses_it() -> None:
    link = MemoryLink()
    sockets = controller(link)
    for socket in (1, 2):
        sockets.connect(socket)
        sockets.send(socket, "setClient", {"clientId": "c1"})
        forward(sockets, socket, "login", "a1")
    forward(sockets, 1, "logout", "a1")
    assert link.logged_in == ["a1"]
    sockets.disconnect(2)
    assert link.logged_in == []
    assert not link.kept["a1"].readers


async def test_while_somebody_logs_in_nobody_is_logged_out() -> None:
    """The other gateway would have them in this order, and be left without a login."""
    link = MemoryLink()
    sockets = controller(link)
    for socket in (1, 2):
        sockets.connect(socket)
        sockets.send(socket, "setClient", {"clientId": "c1"})
    forward(sockets, 1, "login", "a1")
    link.is_held = True
    forward(sockets, 2, "login", "a1")
    forward(sockets, 1, "logout", "a1")
    assert link.logged_in == ["a1"]
    link.release()
    assert link.logged_in == ["a1"]
    forward(sockets, 2, "chat", "a1", message="Hi")
    assert texts(sockets.told[2]) == ["Hi"]


@pytest.mark.parametrize("goes_well", [True, False])
async def test_a_login_that_comes_after_its_console_has_gone_is_undone(goes_well: bool) -> None:
    link = MemoryLink()
    sockets = controller(link)
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    link.is_held = True
    forward(sockets, 1, "login", "a1", password="s1" if goes_well else "wrong")
    sockets.disconnect(1)
    link.release()
    assert link.logged_in == []


async def test_what_was_said_goes_its_way_after_its_console_has_gone() -> None:
    link = MemoryLink()
    sockets = controller(link)
    sockets.connect(1)
    sockets.connect(2)
    for socket in (1, 2):
        sockets.send(socket, "setClient", {"clientId": "c1"})
        forward(sockets, socket, "login", "a1")
    link.is_held = True
    forward(sockets, 1, "chat", "a1", message="last words")
    sockets.disconnect(1)
    link.release()
    assert texts(sockets.told[2]) == ["last words"]


async def test_a_console_that_turns_to_another_gateway_hears_nothing_of_the_first() -> None:
    first, second = MemoryLink("c1"), MemoryLink("c2")
    sockets = controller(first, second)
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    forward(sockets, 1, "login", "a1")
    sockets.send(1, "setClient", {"clientId": "c2"})
    assert first.logged_in == []
    sockets.fresh(1)
    first.kept["a1"].say("message", text="there")
    first.go(LinkStatus.RECONNECTING)
    assert sockets.fresh(1) == []
    forward(sockets, 1, "chat", "a1", message="here")
    assert texts(sockets.fresh(1)) == ["here"]
    assert not first.said


async def test_a_console_that_reads_slowly_is_handed_no_more_than_it_has_room_for() -> None:
    link = MemoryLink()
    sockets = controller(link)
    for number in range(10):
        link.kept["a1"].say("message", text=str(number))
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    sockets.room[1] = 4  # one of them is for the greeting
    forward(sockets, 1, "login", "a1")
    assert texts(sockets.told[1]) == ["0", "1", "2"]
    assert not link.kept["a1"].readers
    sockets.make_room(1, 5)
    link.kept["a1"].say("message", text="10")
    assert texts(sockets.told[1]) == [str(number) for number in range(8)]
    sockets.make_room(1, 100)
    link.kept["a1"].say("message", text="11")
    assert texts(sockets.told[1]) == [str(number) for number in range(12)]
    sockets.make_room(1, 100)
    assert len(link.kept["a1"].readers) == 1


async def test_one_that_leaves_while_it_waits_for_room_reads_no_more() -> None:
    link = MemoryLink()
    sockets = controller(link)
    for number in range(10):
        link.kept["a1"].say("message", text=str(number))
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    sockets.room[1] = 2
    forward(sockets, 1, "login", "a1")
    forward(sockets, 1, "logout", "a1")
    sockets.make_room(1, 100)
    assert texts(sockets.told[1]) == ["0"]


async def test_how_the_gateway_behind_is_is_told_until_this_one_stops() -> None:
    link = MemoryLink()
    sockets = controller(link)
    sockets.connect(1)
    sockets.connect(2)
    sockets.send(1, "setClient", {"clientId": "c1"})
    link.go(LinkStatus.RECONNECTING, 1)
    link.go(LinkStatus.CONNECTING, 1)
    link.go(LinkStatus.RECONNECTING, 2)
    link.go(LinkStatus.CONNECTED)
    assert events(sockets.fresh(1)) == [
        "clientSet",
        "remoteDisconnected",
        "remoteReconnecting",
        "remoteReconnecting",
        "remoteReconnected",
    ]
    sockets.application.closing(NOW)
    link.go(LinkStatus.CLOSED)
    assert sockets.fresh(1) == []


async def test_a_login_that_counts_no_more_is_told() -> None:
    link = MemoryLink()
    sockets = controller(link)
    sockets.connect(1)
    sockets.send(1, "setClient", {"clientId": "c1"})
    forward(sockets, 1, "login", "a1")
    link.logged_in.clear()
    forward(sockets, 1, "chat", "a1", message="Hi")
    told = sockets.fresh(1)
    assert events(told)[-1] == "error"


async def test_forwards_wait_for_set_client_by_the_clock() -> None:
    sockets = controller(MemoryLink())
    sockets.connect(1)
    assert sockets.application.next_deadline() is None
    forward(sockets, 1, "logout", "a1")
    assert sockets.application.next_deadline() == NOW + HELD_S
    sockets.application.handle_timer(NOW + HELD_S - 1)
    assert sockets.fresh(1) == []
    sockets.application.handle_timer(NOW + HELD_S)
    assert sockets.fresh(1) == [("error", {"message": NO_CLIENT})]
    assert sockets.application.next_deadline() is None
    forward(sockets, 1, "logout", "a1")
    sockets.disconnect(1)
    assert sockets.application.next_deadline() is None


@pytest.mark.parametrize(
    ("status", "remote"),
    [
        (LinkStatus.CONNECTED, Remote.UP),
        (LinkStatus.CONNECTING, Remote.AWAY),
        (LinkStatus.RECONNECTING, Remote.AWAY),
        (LinkStatus.CLOSED, Remote.CLOSED),
    ],
)
def test_each_state_of_a_link_has_its_word(status: LinkStatus, remote: Remote) -> None:
    assert remote_of(LinkState(status=status, attempt=2)) == (remote, 2)
    assert remote_of(LinkState(status=status)) == (remote, 1)
