"""A link in front of a gateway that the test plays: state, calls, logins, readings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.client.gateway import Gateway, Peer
from tests.client.gateway import gateway as listening
from tests.client.helpers import BOUND_S, Asleep, Impatient

from agentgate_client import AgentGateError, Cursor, ErrorCode, Event
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.limits import HOPS_MAX
from agentgate_proto.rpc.agent_methods import AgentLogin
from agentgate_proto.rpc.session_methods import GetSession
from agentgate_proto.rpc.usage_methods import ListModels
from agentgate_relay.gateway_link import GatewayLink
from agentgate_server.config import config_from_dict
from agentgate_server.relay.link import LinkState, LinkStatus

pytestmark = pytest.mark.anyio

STORED, GIVEN = "the stored password", "a given password"
LOGIN = {
    "agent": "cook",
    "name": "The cook",
    "session": "agent:cook",
    "epoch": "e1",
    "oldest": 0,
    "next": 0,
}


class Log:
    """A reader that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ends: list[AgentGateError | None] = []

    def take(self, events: Sequence[Event]) -> None:
        self.events += events

    def ended(self, error: AgentGateError | None) -> None:
        self.ends.append(error)


class Ends:
    """What calls and logins came to, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, AgentGateError | None]] = []

    def __call__(self, result: Any, error: AgentGateError | None) -> None:
        self.all.append((result, error))

    @property
    def codes(self) -> list[int]:
        return [error.code if error is not None else 0 for _, error in self.all]


def link_to(url: str, backoff: type[Backoff] = Impatient, **changes: Any) -> GatewayLink:
    upstream = {
        "url": url,
        "token": "relay-token-0123456789",
        "agents": {"cook": {"password": STORED}},
        **changes,
    }
    data = {"agent": {"token": "a" * 20}, "upstreams": {"house": upstream}}
    config = config_from_dict(data).upstreams["house"]  # type: ignore[index]
    return GatewayLink("house", config, lambda: "epoch-7", lambda link: None, backoff)


class Stage:
    """A link, and the gateway that it is connected to."""

    def __init__(self, gateway: Gateway, link: GatewayLink) -> None:
        self.gateway = gateway
        self.link = link
        self.auth: dict[str, Any] = {}
        self.peer: Peer

    async def accept(self) -> Peer:
        """Take the next connection, and authenticate it."""
        peer = await self.gateway.accept()
        self.auth = await peer.authenticate(role="relay", principal="office")
        return peer


@asynccontextmanager
async def stage(backoff: type[Backoff] = Impatient, **changes: Any) -> AsyncIterator[Stage]:
    with anyio.fail_after(BOUND_S):
        async with listening() as gateway, anyio.create_task_group() as tasks:
            link = link_to(gateway.url, backoff, **changes)
            await tasks.start(link.run)
            yield Stage(gateway, link)
            tasks.cancel_scope.cancel()


async def until_up(link: GatewayLink) -> None:
    while not link.state.is_up:
        await link.wait_changed()


async def asked(peer: Peer, method: str) -> dict[str, Any]:
    request = await peer.receive()
    assert request["method"] == method, request
    return request


async def test_a_link_goes_on_under_the_name_of_its_gateway_and_says_how_it_is() -> None:
    async with stage() as on:
        states: list[LinkState] = []
        stop = on.link.listen(states.append)
        assert on.link.state == LinkState(status=LinkStatus.CONNECTING)
        peer = await on.accept()
        assert on.auth["client_id"] == "relay:epoch-7:house"
        await until_up(on.link)
        assert (on.link.principal, on.link.agents) == ("office", {"cook"})
        peer.cut()
        while on.link.state.is_up:
            await on.link.wait_changed()
        await on.accept()
        stop()
        stop()
        seen = [state.status for state in states]
        assert seen[0] is LinkStatus.CONNECTED, "the dialling had begun"
        assert LinkStatus.RECONNECTING in seen
        assert any(state.error and state.attempt for state in states)


async def test_a_call_waits_for_the_link_and_is_made_once() -> None:
    async with stage() as on:
        ends, withdrawn = Ends(), Ends()
        on.link.call("get_session", GetSession(session="s"), ends)
        on.link.call("get_session", GetSession(session="other"), withdrawn)()
        peer = await on.accept()
        request = await asked(peer, "get_session")
        await peer.answer(request, {"id": "s"})
        while not ends.all:
            await anyio.sleep(0.001)
        assert ends.all == [({"id": "s"}, None)]
        assert withdrawn.all == []


async def test_a_call_that_nobody_answers_in_time_says_so() -> None:
    async with stage() as on:
        ends = Ends()
        on.link.call("get_session", GetSession(session="s"), ends, 0.02)
        peer = await on.accept()
        while not ends.all:
            await anyio.sleep(0.001)
        assert ends.codes == [ErrorCode.CANCELLED]
        peer.cut()


async def test_a_link_that_was_refused_for_good_is_closed_and_refuses() -> None:
    async with stage(Asleep) as on:
        peer = await on.gateway.accept()
        request = await asked(peer, "auth")
        await peer.fail(request, ErrorCode.AUTHENTICATION, "Invalid token")
        await peer.close(4401)
        while on.link.state.status is not LinkStatus.CLOSED:
            await on.link.wait_changed()
        assert on.link.state.error == "Invalid token"
        ends, log = Ends(), Log()
        on.link.call("get_session", GetSession(session="s"), ends)
        on.link.login("cook", None, ends)
        on.link.read("s", None, log)
        on.link.logout("cook")
        assert ends.codes == [ErrorCode.AUTHENTICATION] * 2
        assert [error.code for error in log.ends if error] == [ErrorCode.CONNECTION_LOST]


def test_a_link_that_was_not_opened_refuses() -> None:
    link = link_to("ws://127.0.0.1:1")
    ends, log = Ends(), Log()
    link.call("get_session", GetSession(session="s"), ends)
    link.login("cook", None, ends)
    link.read("s", None, log)
    link.logout("cook")
    assert ends.codes == [ErrorCode.CONNECTION_LOST] * 2
    assert len(log.ends) == 1
    assert (link.latency_s, link.principal, link.calls_waiting, link.logged_in) == (None, "", 0, [])


def test_whom_it_admits_and_for_whom_it_speaks() -> None:
    link = link_to("ws://127.0.0.1:1", consoles=["desk"])
    assert (link.admits("desk"), link.admits("hall")) == (True, False)
    assert link.behalf("ann").hops == ("epoch-7",)
    assert link.behalf("ann", ("e1",)).hops == ("e1", "epoch-7")
    with pytest.raises(AgentGateError) as caught:
        link.behalf("ann", ("e",) * HOPS_MAX)
    assert caught.value.code == ErrorCode.RELAY_LOOP


def test_a_file_of_authorities_that_is_not_there_is_said_before_anything_is_dialled() -> None:
    with pytest.raises(ValueError, match="ca_file"):
        link_to("wss://127.0.0.1:1", ca="/nowhere/ca.pem")


# Logins


async def test_a_login_is_made_again_on_every_connection_before_anything_else() -> None:
    async with stage() as on:
        ends = Ends()
        await until_decided(on)
        on.link.login("The cook", GIVEN, ends)
        peer = on.peer
        request = await asked(peer, "login_agent")
        assert request["params"] == {"agent": "The cook", "password": GIVEN}
        await peer.answer(request, LOGIN)
        while not ends.all:
            await anyio.sleep(0.001)
        assert ends.all == [(AgentLogin(**LOGIN), None)]
        assert on.link.logged_in == ["cook"]
        peer.cut()
        calls = Ends()
        on.link.call("get_session", GetSession(session="agent:cook"), calls)
        peer = await on.accept()
        await peer.reconcile([])
        await peer.answer(await asked(peer, "login_agent"), LOGIN)
        await peer.answer(await asked(peer, "get_session"), {})
        while not calls.all:
            await anyio.sleep(0.001)
        assert len(ends.all) == 1, "it was told once"


async def test_the_stored_password_is_taken_where_none_is_given() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        request = await asked(on.peer, "login_agent")
        assert request["params"]["password"] == STORED
        on.link.login("baker", None, ends)
        assert ends.codes == [ErrorCode.LOGIN_FAILED], "there is none, and nobody was asked"


async def test_a_wrong_password_leaves_those_logged_in_who_are() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        await on.peer.answer(await asked(on.peer, "login_agent"), LOGIN)
        anna = on.link.behalf("anna")
        on.link.login("cook", "wrong", ends, anna)
        await on.peer.fail(await asked(on.peer, "login_agent"), ErrorCode.LOGIN_FAILED, "no")
        on.link.login("cook", GIVEN, ends, anna)
        request = await asked(on.peer, "login_agent")
        assert request["params"]["on_behalf_of"] == {"principal": "anna", "hops": [*anna.hops]}
        await on.peer.answer(request, LOGIN)
        while len(ends.all) < 3:
            await anyio.sleep(0.001)
        assert ends.codes == [0, ErrorCode.LOGIN_FAILED, 0]
        assert on.link.logged_in == ["cook"]
        on.peer.cut()
        peer = await on.accept()
        await peer.reconcile([])
        request = await asked(peer, "login_agent")
        words = "the last one that was right, and only that; it is the link's own by now"
        assert request["params"] == {"agent": "cook", "password": GIVEN}, words
        await peer.fail(request, ErrorCode.LOGIN_FAILED, "changed")
        await until_up(on.link)
        assert on.link.logged_in == [], "it is not right any more"


async def test_an_odd_answer_is_no_login() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        await on.peer.answer(await asked(on.peer, "login_agent"), {"agent": 1})
        while not ends.all:
            await anyio.sleep(0.001)
        assert ends.codes == [ErrorCode.INTERNAL_ERROR]
        assert on.link.logged_in == []


async def test_a_logout_is_told_and_not_undone_by_the_next_connection() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        await on.peer.answer(await asked(on.peer, "login_agent"), LOGIN)
        while not ends.all:
            await anyio.sleep(0.001)
        on.link.logout("cook")
        on.link.logout("cook")
        request = await asked(on.peer, "logout_agent")
        assert request["params"] == {"agent": "cook"}
        await on.peer.answer(request, {"was_logged_in": True})
        assert on.link.logged_in == []
        on.peer.cut()
        peer = await on.accept()
        await peer.reconcile([])
        await until_up(on.link)


async def test_a_logout_that_was_cut_off_does_not_end_the_login_after_it() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        await on.peer.answer(await asked(on.peer, "login_agent"), LOGIN)
        while not ends.all:
            await anyio.sleep(0.001)
        on.link.logout("cook")
        await asked(on.peer, "logout_agent")
        on.link.login("cook", None, ends)
        await asked(on.peer, "login_agent")
        on.peer.cut()
        peer = await on.accept()
        await peer.reconcile([])
        await peer.answer(await asked(peer, "login_agent"), LOGIN)
        await until_up(on.link)
        assert on.link.logged_in == ["cook"]
        on.link.call("list_models", ListModels(), ends)
        await asked(peer, "list_models")


async def test_nobody_is_told_of_a_logout_while_there_is_no_connection() -> None:
    async with stage() as on:
        await until_decided(on)
        ends = Ends()
        on.link.login("cook", None, ends)
        await on.peer.answer(await asked(on.peer, "login_agent"), LOGIN)
        while not ends.all:
            await anyio.sleep(0.001)
        on.peer.cut()
        peer = await on.accept()
        on.link.logout("cook")
        await peer.reconcile([])
        await until_up(on.link)
        on.link.call("list_models", ListModels(), ends)
        await asked(peer, "list_models")


# Readings


def event(offset: int) -> dict[str, Any]:
    return {"offset": offset, "kind": "message", "at": "", "data": {"n": offset}, "count": 1}


def attached(offset: int, until: int) -> dict[str, Any]:
    return {"session": "s", "epoch": "e1", "offset": offset, "oldest": 0, "next": until}


async def test_a_reading_goes_on_over_connections_without_gap_or_duplicate() -> None:
    async with stage() as on:
        await until_decided(on)
        log = Log()
        on.link.read("s", Cursor("e1", 0), log)
        await on.peer.answer(await asked(on.peer, "attach_session"), attached(0, 2))
        await on.peer.notify("session_event", {"session": "s", "events": [event(0), event(1)]})
        while len(log.events) < 2:
            await anyio.sleep(0.001)
        on.peer.cut()
        peer = await on.accept()
        await peer.reconcile([])
        request = await asked(peer, "attach_session")
        assert request["params"] == {"session": "s", "epoch": "e1", "offset": 2}
        await peer.answer(request, attached(2, 3))
        events = [event(1), event(2), event(3)]
        await peer.notify("session_event", {"session": "s", "events": events})
        while len(log.events) < 4:
            await anyio.sleep(0.001)
        assert [each.offset for each in log.events] == [0, 1, 2, 3]
        assert log.ends == []


async def test_more_than_fits_at_once_is_read_all_the_same() -> None:
    async with stage() as on:
        await until_decided(on)
        log = Log()
        on.link.read("s", Cursor("e1", 0), log)
        await on.peer.answer(await asked(on.peer, "attach_session"), attached(0, 9))
        large = [{**event(n), "data": {"text": "x" * 400_000}} for n in range(6)]
        await on.peer.notify("session_event", {"session": "s", "events": large})
        await on.peer.answer(await asked(on.peer, "detach_session"), {"was_attached": True})
        request = await asked(on.peer, "attach_session")
        first = request["params"]["offset"]
        assert 0 < first < 6, "what did not fit is asked for again"
        await on.peer.answer(request, attached(first, 9))
        for each in large[first:]:
            await on.peer.notify("session_event", {"session": "s", "events": [each]})
        while len(log.events) < 6:
            await anyio.sleep(0.001)
        assert [each.offset for each in log.events] == list(range(6))


async def test_a_reading_that_was_stopped_hears_nothing_more() -> None:
    async with stage() as on:
        await until_decided(on)
        log = Log()
        stop = on.link.read("s", Cursor("e1", 0), log)
        await on.peer.answer(await asked(on.peer, "attach_session"), attached(0, 1))
        await on.peer.notify("session_event", {"session": "s", "events": [event(0)]})
        while not log.events:
            await anyio.sleep(0.001)
        stop()
        stop()
        await on.peer.answer(await asked(on.peer, "detach_session"), {"was_attached": True})
        assert log.ends == []


async def test_a_session_that_may_not_be_read_ends_the_reading() -> None:
    async with stage() as on:
        await until_decided(on)
        log = Log()
        on.link.read("s", None, log)
        request = await asked(on.peer, "attach_session")
        await on.peer.fail(request, ErrorCode.SESSION_NOT_FOUND, "Session not found")
        while not log.ends:
            await anyio.sleep(0.001)
        (error,) = log.ends
        assert error is not None
        assert error.code == ErrorCode.SESSION_NOT_FOUND


async def test_a_reader_may_stop_in_the_midst_of_what_it_takes() -> None:
    async with stage() as on:
        await until_decided(on)

        class Quitter(Log):
            def take(self, events: Sequence[Event]) -> None:
                super().take(events)
                stop()

        log = Quitter()
        stop = on.link.read("s", Cursor("e1", 0), log)
        await on.peer.answer(await asked(on.peer, "attach_session"), attached(0, 2))
        await on.peer.notify("session_event", {"session": "s", "events": [event(0), event(1)]})
        await asked(on.peer, "detach_session")
        assert (len(log.events), log.ends) == (2, [])


async def until_decided(on: Stage) -> None:
    """Let the link be connected."""
    on.peer = await on.accept()
    await until_up(on.link)
