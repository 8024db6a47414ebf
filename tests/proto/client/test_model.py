"""I1 against a reference: whatever the network and the gateway do, each call ends once, truly.

The reference is plain bookkeeping of what was asked, what the gateway knows and has had
acknowledged, and what the user was told. Whatever order of events Hypothesis finds, these must
agree. At the end all faults stop, and everything must come home.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.chance import examples
from tests.proto.client_gateway import GONE, NONSENSE, Gateway, done
from tests.proto.client_world import World

from agentgate_proto.client import call_book
from agentgate_proto.client.calls import NOT_SENT, NOT_SETTLED, WITHDRAWN, LooseRow, Stage
from agentgate_proto.client.events import ClientState
from agentgate_proto.errors import AgentGateConnectionError, ErrorCode, OutcomeUnknown
from agentgate_proto.limits import CALLS_IN_FLIGHT_MAX, UNCLAIMED_ROWS_MAX
from agentgate_proto.records.outcome import failed
from agentgate_proto.rpc.messages import ListTools

TIGHT_IN_FLIGHT, TIGHT_KEPT = 4, 3
"""Caps so small that the way beyond them is gone, too."""

patience = st.sampled_from([None, None, 0.0, 0.5, 3.0, 60.0])
pick = st.integers(0, 1_000)


class Ask:
    """A tool request of the user's."""

    def __init__(self, number: int, handle: int) -> None:
        self.number = number
        self.handle = handle
        self.abandoned = False
        self.heard: int | None = None


class Reference(RuleBasedStateMachine):
    """The user, the network, the gateway, and what must hold between them."""

    in_flight_max: ClassVar[int] = CALLS_IN_FLIGHT_MAX
    kept_max: ClassVar[int] = UNCLAIMED_ROWS_MAX

    def __init__(self) -> None:
        super().__init__()
        vars(call_book)["CALLS_IN_FLIGHT_MAX"] = self.in_flight_max
        self.world = World(Gateway(), kept_max=self.kept_max)
        self.gateway = self.world.gateway
        self.asks: list[Ask] = []
        self.others: list[int] = []
        self.collects: list[int] = []
        self.epochs = 1
        self.garbled: set[int] = set()
        self.excused = self.kept_max < UNCLAIMED_ROWS_MAX

    # The user

    @rule(patience=patience, stubborn=st.booleans(), count=st.sampled_from([1, 1, 3, 6]))
    def ask(self, patience: float | None, stubborn: bool, count: int) -> None:
        for _ in range(count):
            number = len(self.asks)
            tool = "stubborn" if stubborn else "light"
            if (handle := self.try_to(self.world.ask, tool, patience, n=number)) is not None:
                self.asks.append(Ask(number, handle))

    @rule(patience=patience)
    def list_tools(self, patience: float | None) -> None:
        handle = self.try_to(self.world.call, "list_tools", ListTools(), patience)
        if handle is not None:
            self.others.append(handle)

    @rule(patience=patience)
    def collect(self, patience: float | None) -> None:
        if (handle := self.try_to(self.world.collect, patience)) is not None:
            self.collects.append(handle)

    def try_to(self, what: Any, *args: Any, **more: Any) -> int | None:
        """Make a call; a client that is not open refuses it at once."""
        if self.world.state in (ClientState.IDLE, ClientState.CLOSED):
            with pytest.raises(AgentGateConnectionError):
                what(*args, **more)
            return None
        handle: int = what(*args, **more)
        return handle

    @precondition(lambda self: self.asks)
    @rule(at=pick)
    def abandon(self, at: int) -> None:
        ask = self.asks[at % len(self.asks)]
        ask.abandoned = ask.abandoned or ask.handle not in self.world.settled
        self.world.abandon(ask.handle)

    @rule()
    def open(self) -> None:
        self.world.open()

    @rule(often=st.integers(0, 4))
    def close(self, often: int) -> None:
        if often == 0:
            self.world.close()
            self.excused = True

    @rule(seconds=st.sampled_from([0.02, 0.4, 1.0, 2.0, 5.0, 45.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    # The network

    @rule(reachable=st.booleans())
    def reach(self, reachable: bool) -> None:
        self.world.reachable = reachable

    @precondition(lambda self: self.world.socket is not None)
    @rule(up=st.none() | st.integers(0, 900), down=st.none() | st.integers(0, 900))
    def cut(self, up: int | None, down: int | None) -> None:
        self.world.cut_after(up, down)
        self.world.pump()

    @precondition(lambda self: self.world.socket is not None)
    @rule(up=st.none() | st.integers(0, 400), seconds=st.sampled_from([0.1, 2.6, 6.0]))
    def lose_the_network(self, up: int | None, seconds: float) -> None:
        """Something may still be asked for on its way out; then nothing for a while."""
        self.world.cut_after(up)
        self.ask(patience=0.5, stubborn=False, count=2)
        if self.world.socket is not None:
            self.world.cut()
        self.world.reachable = False
        self.world.wait(seconds)
        self.nothing_is_sent_for_a_caller_that_is_gone()
        self.world.reachable = True
        self.world.wait(8.0)

    # The gateway

    def waiting(self) -> list[int | str]:
        return [key for key, asked in self.gateway.requests.items() if asked.outcome is None]

    @rule(at=pick, kind=st.sampled_from(["result", "result", "failure", "unknown"]))
    def resolve(self, at: int, kind: str) -> None:
        if waiting := self.waiting():
            request_id = waiting[at % len(waiting)]
            number = self.gateway.requests[request_id].params.args["n"]
            outcome = done({"n": number}) if kind == "result" else failed(f"no {number}")
            self.gateway.resolve(request_id, outcome)
            self.world.pump()

    @rule(at=pick)
    def answer_twice(self, at: int) -> None:
        if known := list(self.gateway.requests):
            self.gateway.tell(known[at % len(known)])
            self.world.pump()

    @rule(eager=st.booleans())
    def be_eager(self, eager: bool) -> None:
        self.gateway.answers = (lambda asked: done({"n": asked.args["n"]})) if eager else no_answer

    @rule(modern=st.booleans(), page_rows=st.integers(1, 3))
    def be_old(self, modern: bool, page_rows: int) -> None:
        self.gateway.offers_pending = modern
        self.gateway.page_rows = page_rows

    @rule(method=st.sampled_from(["get_pending_results", "cancel_request", "list_tools"]))
    def be_silent(self, method: str) -> None:
        self.gateway.silent ^= {method}

    @rule(
        code=st.sampled_from([None, ErrorCode.INTERNAL_ERROR, ErrorCode.FORBIDDEN]),
        lie=st.sampled_from([None, {"results": 7}, {"results": [{}, 1]}, {"more": True}]),
        auth=st.sampled_from(["accept", "accept", "accept", "turn away", "ignore", "[]", "{}"]),
    )
    def misbehave(self, code: ErrorCode | None, lie: Any, auth: str) -> None:
        self.gateway.errors = {"get_pending_results": code} if code else {}
        self.gateway.lies = {"get_pending_results": lie} if lie else {}
        self.gateway.auth = auth

    @precondition(lambda self: self.gateway.link and self.gateway.link.principal)
    @rule(text=st.sampled_from(NONSENSE))
    def talk_nonsense(self, text: str) -> None:
        self.gateway.say(text)
        self.world.pump()

    @precondition(lambda self: self.gateway.link and self.gateway.link.principal)
    @rule(at=pick)
    def garble_an_answer(self, at: int) -> None:
        if waiting := self.waiting():
            request_id = waiting[at % len(waiting)]
            self.garbled.add(self.gateway.requests[request_id].params.args["n"])
            self.gateway.say(f'{{"jsonrpc":"2.0","result":[1],"id":{request_id}}}')
            self.world.pump()

    @rule()
    def lose_memory(self) -> None:
        self.gateway.forget()
        self.epochs += 1
        if self.world.socket is not None:
            self.world.drop(reachable=self.world.reachable)

    # What must hold

    @invariant()
    def ids_and_calls_are_one_to_one(self) -> None:
        heard = self.heard_as()
        assert len(set(heard.values())) == len(heard) == len(set(self.heard()))

    @invariant()
    def nothing_that_the_gateway_had_is_sent_again(self) -> None:
        assert self.gateway.known_already == []

    @invariant()
    def nothing_is_sent_for_a_caller_that_is_gone(self) -> None:
        for ask in self.asks:
            if ask.abandoned or ask.handle in self.world.settled:
                heard = self.heard().count(ask.number)
                assert ask.heard in (None, heard)
                ask.heard = heard

    @invariant()
    def what_is_said_of_a_call_is_true(self) -> None:
        records = self.by_number()
        for ask in self.asks:
            settled = self.world.settled.get(ask.handle)
            if settled is None:
                continue
            record = records.get(ask.number)
            outcome = record.outcome if record is not None else None
            if settled.error is None:
                assert settled.result == {"n": ask.number} or settled.result == 1
                continue
            message = settled.error.message
            if isinstance(settled.error, OutcomeUnknown):
                assert self.epochs > 1 or ask.number in self.garbled
            elif NOT_SENT in message:
                assert ask.number not in self.heard()
            elif WITHDRAWN in message:
                assert record is None or outcome == GONE
            elif settled.error.code == ErrorCode.TOOL_FAILED:
                assert message == f"no {ask.number}"
            elif settled.error.code in (ErrorCode.CONNECTION_LOST, ErrorCode.AUTHENTICATION):
                assert "may have run" in message or outcome is None
            else:
                assert NOT_SETTLED in message, message

    @invariant()
    def what_was_acknowledged_is_told_or_kept(self) -> None:
        told = self.told()
        kept = self.world.machine._book._unclaimed
        asks = {ask.number: ask for ask in self.asks}
        for request_id, asked in self.gateway.requests.items():
            if asked.delivered and request_id not in told and request_id not in kept:
                ask = asks[asked.params.args["n"]]
                settled = self.world.settled.get(ask.handle)
                if settled is None:
                    assert ask.abandoned
                    assert asked.outcome == GONE
                else:
                    promised = settled.error is not None and NOT_SETTLED in settled.error.message
                    assert not promised

    @invariant()
    def no_outcome_is_handed_over_twice(self) -> None:
        rows = [row.request_id for handle in self.collects for row in self.rows(handle)]
        assert len(set(rows)) == len(rows)

    @invariant()
    def tables_hold_only_what_is_open(self) -> None:
        book = self.world.machine._book
        assert all(call.stage is not Stage.SETTLED for call in book._calls.values())
        assert set(book._queue) <= set(book._calls)
        assert {call.handle for call in book._by_id.values()} <= set(book._calls)
        assert len(book._deadlines) <= 2 * len(book._calls)
        assert len(book._by_id) <= self.in_flight_max
        assert len(book._unclaimed) <= self.kept_max
        assert book._bytes == sum(len(call.params) for call in book._calls.values())
        open_handles = {ask.handle for ask in self.asks if not ask.abandoned}
        open_handles |= {*self.others, *self.collects}
        assert open_handles - set(self.world.settled) <= set(book._calls)

    def by_number(self) -> dict[int, Any]:
        return {asked.params.args["n"]: asked for asked in self.gateway.requests.values()}

    def heard(self) -> list[int]:
        return [message["params"]["args"]["n"] for message in self.messages()]

    def heard_as(self) -> dict[int, int]:
        """The numbers of the calls that the gateway ever heard of, by request id."""
        return {message["id"]: message["params"]["args"]["n"] for message in self.messages()}

    def messages(self) -> list[dict[str, Any]]:
        messages = [message for link in self.gateway.links for message in link.heard]
        return [message for message in messages if message.get("method") == "tool_request"]

    def rows(self, handle: int) -> list[LooseRow]:
        settled = self.world.settled.get(handle)
        return settled.result or [] if settled is not None else []

    def told(self) -> set[int | str]:
        """The ids of all requests whose outcome the user has."""
        ids = {asked.params.args["n"]: key for key, asked in self.gateway.requests.items()}
        told = {row.request_id for handle in self.collects for row in self.rows(handle)}
        for ask in self.asks:
            settled = self.world.settled.get(ask.handle)
            if settled is not None and ask.number in ids:
                error = settled.error
                if (
                    error is None
                    or error.code == ErrorCode.TOOL_FAILED
                    or WITHDRAWN in error.message
                ):
                    told.add(ids[ask.number])
        return told

    def teardown(self) -> None:
        """All faults stop: everything comes home."""
        try:
            self.come_home()
        finally:
            vars(call_book)["CALLS_IN_FLIGHT_MAX"] = CALLS_IN_FLIGHT_MAX

    def come_home(self) -> None:
        world, gateway = self.world, self.gateway
        gateway.auth = "accept"
        gateway.silent.clear()
        gateway.errors, gateway.lies = {}, {}
        gateway.offers_pending = True
        gateway.page_rows = 256
        gateway.answers = lambda asked: done({"n": asked.args["n"]})
        world.reachable = True
        if world.socket is not None:
            world.cut_after(None, None)
        for _ in range(2):  # at first an auth that fails ends the client
            world.wait(100.0)
            world.open()
        world.cut()
        world.wait(100.0)
        for request_id in self.waiting():
            number = gateway.requests[request_id].params.args["n"]
            gateway.resolve(request_id, done({"n": number}))
        world.wait(5.0)
        assert world.state is ClientState.CONNECTED
        handles = {ask.handle for ask in self.asks if not ask.abandoned}
        assert handles | {*self.others, *self.collects} <= set(world.settled)
        while (rows := self.fetch()) or not all(a.delivered for a in gateway.requests.values()):
            self.collects.append(rows)
            self.check()
        assert world.leftovers() == {}
        assert world.machine.next_deadline() is not None, "the keep-alive goes on"
        self.promises_are_kept()
        told = self.told()
        for request_id, asked in gateway.requests.items():
            ask = self.asks[asked.params.args["n"]]
            quiet = ask.abandoned and asked.outcome == GONE
            assert request_id in told or quiet or ask.number in self.garbled

    def promises_are_kept(self) -> None:
        """Who was told to look later finds it, unless the client was closed, or kept too much."""
        ids = {number: key for key, number in self.heard_as().items()}
        found = {row.request_id for handle in self.collects for row in self.rows(handle)}
        for ask in self.asks:
            settled = self.world.settled.get(ask.handle)
            if settled is not None and settled.error is not None and not self.excused:
                promised = NOT_SETTLED in settled.error.message and ask.number in ids
                assert not promised or ids[ask.number] in found

    def fetch(self) -> int:
        """Collect; return the handle if there was something."""
        handle = self.world.collect()
        self.world.wait(5.0)
        return handle if self.rows(handle) else 0

    def check(self) -> None:
        self.no_outcome_is_handed_over_twice()
        self.what_was_acknowledged_is_told_or_kept()


def no_answer(asked: Any) -> None: ...


class TightReference(Reference):
    """The same, with caps that are reached."""

    in_flight_max: ClassVar[int] = TIGHT_IN_FLIGHT
    kept_max: ClassVar[int] = TIGHT_KEPT


TestCalls = Reference.TestCase
TestCallsWithTightCaps = TightReference.TestCase
TestCalls.settings = settings(max_examples=examples(100), stateful_step_count=40)
TestCallsWithTightCaps.settings = TestCalls.settings
