"""Between an editor's pipe and a gateway that comes and goes: the editor notices nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.acp.house import House
from tests.proto.faces.acp.logs import Kept
from tests.proto.faces.acp.seat import Seat

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.bridge import (
    ANSWERS_MAX,
    HELD_MAX,
    MESSAGE_BYTES_MAX,
    PENDING_MAX,
    TOO_LONG,
    TOO_MANY,
    Bridge,
    ToEditor,
)
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import Batch
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import CreateSession, SendMessage

BLOCK = {"type": "text", "text": "Hello"}


class Desk:
    """An editor with a bridge, and a house that it may be connected to.

    Args:
        lossy: called before each message that the gateway sends; whether the connection breaks.
    """

    def __init__(self, lossy: Callable[[], bool] = lambda: False) -> None:
        names = count(1)
        self.bridge = Bridge(lambda: f"name{next(names)}")
        self.house = House()
        self.seat: Seat | None = None
        self.seen: list[Any] = []
        self.sent: list[Any] = []  # to the gateway
        self._lossy = lossy
        self._last = 0

    def connect(self) -> None:
        self.seat = self.house.connect()
        self.bridge.connected()
        self.work()

    def lose(self) -> None:
        self.seat = None
        self.bridge.lost()
        self.work()

    def ask(self, method: str, **params: Any) -> int:
        self._last += 1
        self.say({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        return self._last

    def tell(self, method: str, **params: Any) -> None:
        self.say({"jsonrpc": "2.0", "method": method, "params": params})

    def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.bridge.from_editor(jsonrpc.decode(text, batch_items_max=5))
        self.work()

    def work(self) -> None:
        """Move messages until nothing moves; what a broken connection had is lost."""
        while True:
            effect = self.bridge.next_effect()
            if isinstance(effect, ToEditor):
                self.seen.append(json.loads(effect.text))
            elif effect is not None:
                self.sent.append(json.loads(effect.text))
                if self.seat is not None:
                    self.seat.receive(self.sent[-1])
            elif not self._receive():
                return

    def _receive(self) -> bool:
        """Take one message of the gateway."""
        if self.seat is None or not self.seat.work().frames:
            return False
        text = self.seat.frames.pop(0)
        if self._lossy():
            self.seat = None
            self.bridge.lost()
            self.connect()
        else:
            self.bridge.from_gateway(text)
        return True

    def answers(self, request_id: int) -> list[Any]:
        return [each for each in self.seen if each.get("id") == request_id and "method" not in each]

    def result(self, method: str, **params: Any) -> Any:
        (answer,) = self.answers(self.ask(method, **params))
        return answer["result"]

    def new(self) -> Kept:
        self.result("initialize", protocolVersion=1)
        name = self.result("session/new", cwd="/p", mcpServers=[])["sessionId"]
        return self.house.sessions[name]

    def prompt(self, kept: Kept) -> int:
        return self.ask("session/prompt", sessionId=kept.view.id, prompt=[BLOCK])

    def text(self) -> str:
        updates = [each["params"]["update"] for each in self.seen if is_update(each)]
        kind = "agent_message_chunk"
        found = [each["content"]["text"] for each in updates if each["sessionUpdate"] == kind]
        return "".join(found)

    def questions(self) -> list[Any]:
        name = "session/request_permission"
        return [each["id"] for each in self.seen if each.get("method") == name]


def is_update(message: Any) -> bool:
    return bool(message.get("method") == "session/update")


def desk() -> Desk:
    it = Desk()
    it.connect()
    return it


def sends(it: Desk) -> list[Any]:
    return [each for each in it.house.asked if isinstance(each, SendMessage)]


def test_messages_are_handed_on_both_ways() -> None:
    it = desk()
    kept = it.new()
    asked = it.prompt(kept)
    kept.model()
    kept.text("Hi")
    kept.finish()
    it.work()
    assert it.answers(asked)[0]["result"] == {"stopReason": "end_turn"}
    assert it.text() == "Hi"
    it.tell("session/cancel", sessionId=kept.view.id)
    assert it.sent[-1]["method"] == "session/cancel"
    error = it.answers(it.ask("session/fork"))[0]["error"]
    assert error["code"] == -32601


def test_a_prompt_goes_on_over_another_connection() -> None:
    it = desk()
    kept = it.new()
    asked = it.prompt(kept)
    kept.model()
    kept.text("One ", "two ")
    it.work()
    it.lose()
    kept.text("three ")
    it.connect()
    kept.text("four")
    kept.finish()
    it.work()
    assert it.text() == "One two three four"
    assert it.answers(asked) == [it.seen[-1]]
    assert it.seen[-1]["result"] == {"stopReason": "end_turn"}
    assert len(sends(it)) == 1
    assert [each["id"] for each in it.seen if "name" in str(each.get("id"))] == []


def test_what_is_asked_while_the_gateway_is_away_is_asked_when_it_is_back() -> None:
    it = Desk()
    first = it.ask("initialize", protocolVersion=1)
    second = it.ask("session/new", cwd="/p", mcpServers=[])
    assert it.seen == []
    assert it.bridge.owes_answers
    it.connect()
    assert len(it.answers(first)) == len(it.answers(second)) == 1
    assert not it.bridge.owes_answers
    it.lose()
    kept = it.house.sessions[it.answers(second)[0]["result"]["sessionId"]]
    asked = it.prompt(kept)
    it.tell("session/cancel", sessionId=kept.view.id)
    it.connect()
    assert it.answers(asked)[0]["result"] == {"stopReason": "cancelled"}


def test_a_cancel_that_the_connection_took_along_is_said_again() -> None:
    for method in ("session/cancel", "$/cancel_request"):
        it = desk()
        kept = it.new()
        asked = it.prompt(kept)
        it.seat = None  # nobody hears it, and nobody has noticed
        it.tell(method, sessionId=kept.view.id, requestId=asked)
        it.lose()
        it.connect()
        assert it.answers(asked)[0]["result"] == {"stopReason": "cancelled"}


def test_a_question_is_put_to_the_editor_once() -> None:
    it = desk()
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait()
    it.work()
    (question,) = it.questions()
    it.lose()
    it.connect()
    assert it.questions() == [question]
    answer = {"outcome": {"outcome": "selected", "optionId": "allow"}}
    it.lose()
    it.say({"jsonrpc": "2.0", "id": question, "result": answer})
    it.connect()
    decided = [each for each in it.house.asked if isinstance(each, DecideApproval)]
    assert [(each.id, each.decision) for each in decided] == [("a1", "approve")]


def test_an_answer_that_the_connection_took_along_is_given_again() -> None:
    it = desk()
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait()
    it.work()
    (question,) = it.questions()
    it.seat = None  # nobody has noticed
    answer = {"outcome": {"outcome": "selected", "optionId": "reject"}}
    it.say({"jsonrpc": "2.0", "id": question, "result": answer})
    it.lose()
    it.connect()
    assert it.questions() == [question]
    decided = [each for each in it.house.asked if isinstance(each, DecideApproval)]
    assert [each.decision for each in decided] == ["deny"]


def test_who_loads_a_session_is_asked_again_what_was_not_decided() -> None:
    it = desk()
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait()
    it.work()
    (question,) = it.questions()
    it.say({"jsonrpc": "2.0", "id": question, "error": {"code": -1, "message": "?"}})
    it.lose()
    it.connect()
    it.ask("session/load", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    assert it.questions() == [question]
    it.lose()
    it.connect()
    assert it.questions() == [question, question]


def test_an_answer_to_what_nobody_asked_is_handed_on_and_not_remembered() -> None:
    it = desk()
    it.say({"jsonrpc": "2.0", "id": "q", "result": {}})
    assert it.sent == [{"jsonrpc": "2.0", "id": "q", "result": {}}]
    assert it.bridge._answers == {}


def test_only_so_many_answers_are_remembered() -> None:
    it = desk()
    for number in range(2 * ANSWERS_MAX):
        it.bridge.from_gateway(f'{{"jsonrpc":"2.0","id":"q{number}","method":"x","params":{{}}}}')
        it.say({"jsonrpc": "2.0", "id": f"q{number}", "result": {}})
    assert len(it.bridge._answers) == ANSWERS_MAX


def test_a_question_that_was_withdrawn_may_be_put_again() -> None:
    it = desk()
    kept = it.new()
    it.prompt(kept)
    kept.call()
    kept.wait()
    kept.result()
    kept.wait()
    it.work()
    assert it.questions() == ["permission-a1"] * 2


def test_a_session_that_is_gone_is_forgotten() -> None:
    it = desk()
    kept, other = it.new(), it.new()
    it.lose()
    del it.house.sessions[kept.view.id]
    it.connect()
    assert it.result("session/close", sessionId=other.view.id) == {}
    it.lose()
    it.sent.clear()
    it.connect()
    assert [each["method"] for each in it.sent] == ["initialize"]


def test_a_session_is_loaded_to_its_end_over_two_connections() -> None:
    it = desk()
    kept = it.house.make()
    kept.begin("r1", "m1", "Hi")
    kept.model()
    for piece in ("One ", "two ", "three"):
        kept.text(piece)
        kept.call(piece)
    kept.finish()
    it.result("initialize", protocolVersion=1)
    breaks = iter([False, False, False, True])
    it._lossy = lambda: next(breaks, False)
    asked = it.ask("session/load", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    assert len(it.answers(asked)) == 1
    assert it.text() == "One two three"
    it.seen.clear()
    it.ask("session/load", sessionId=kept.view.id, cwd="/p", mcpServers=[])
    assert it.text() == "One two three"  # all of it, when the editor wants it anew


def test_what_is_too_long_for_the_gateway_is_refused_here() -> None:
    it = desk()
    block = {"type": "text", "text": "x" * MESSAGE_BYTES_MAX}
    asked = it.ask("session/prompt", sessionId="s", prompt=[block])
    assert it.answers(asked)[0]["error"]["message"] == TOO_LONG
    it.sent.clear()
    it.tell("session/cancel", sessionId="x" * MESSAGE_BYTES_MAX)
    assert it.sent == []


def test_only_so_much_waits_for_a_gateway_that_is_away() -> None:
    it = Desk()
    for _ in range(PENDING_MAX):
        it.ask("session/list")
    assert it.answers(it.ask("session/list"))[0]["error"]["message"] == TOO_MANY
    for _ in range(HELD_MAX + 5):
        it.tell("session/cancel", sessionId="s")
    it.house.refusals.clear()
    it.seat = None
    it.bridge.connected()
    it.work()
    assert len(it.sent) == PENDING_MAX + HELD_MAX


def test_an_id_is_used_by_one_request_at_a_time() -> None:
    it = Desk()
    it.ask("session/list")
    it._last = 0
    it.ask("session/list")
    assert "no answer yet" in it.seen[0]["error"]["message"]


@pytest.mark.parametrize(
    ("text", "code"), [("{", -32700), ("[1]", -32600), ('{"jsonrpc":"2.0"}', -32600)]
)
def test_what_is_no_message_of_an_editor_is_answered_here(text: str, code: int) -> None:
    it = desk()
    it.say(text)
    assert it.seen[0]["error"]["code"] == code
    assert it.sent == []


def test_parameters_that_are_no_object_are_refused_here() -> None:
    it = desk()
    asked = it._last = 7
    it.say({"jsonrpc": "2.0", "id": 7, "method": "session/list", "params": [1]})
    assert it.answers(asked)[0]["error"]["code"] == -32602


@pytest.mark.parametrize("meta", [7, {"own": 1}, None])
def test_members_of_the_editor_stay(meta: Any) -> None:
    it = desk()
    it.ask("session/prompt", sessionId=7, prompt=[], _meta=meta)
    (sent,) = it.sent
    own = meta if isinstance(meta, dict) else {}
    named = {"agentgate/message_id": "name1"} if meta != 7 else None
    assert sent["params"]["_meta"] == (meta if named is None else {**own, **named})


@pytest.mark.parametrize("text", ["{", "[]", '{"jsonrpc":"2.0","id":null,"method":"x"}'])
def test_what_is_no_message_of_a_gateway_is_for_nobody(text: str) -> None:
    it = Desk()
    it.bridge.from_gateway(text)
    it.work()
    assert [each for each in it.seen if "method" not in each] == []


def test_updates_of_another_gateway_are_handed_on() -> None:
    it = Desk()
    it.bridge.from_gateway('{"jsonrpc":"2.0","method":"session/update","params":[1]}')
    it.bridge.from_gateway('{"jsonrpc":"2.0","method":"other","params":{}}')
    it.bridge.from_gateway('{"jsonrpc":"2.0","id":9,"result":{}}')
    meta = '{"sessionId":"s","update":{},"_meta":{"agentgate/cursor":7}}'
    it.bridge.from_gateway(f'{{"jsonrpc":"2.0","method":"session/update","params":{meta}}}')
    it.tell("other", sessionId=7)
    it.work()
    assert len(it.seen) == 4


def test_messages_that_were_not_sent_are_dropped_with_their_connection() -> None:
    bridge = Bridge(lambda: "name")
    bridge.connected()
    bridge.from_editor(jsonrpc.decode('{"jsonrpc":"2.0","id":1,"method":"x"}', batch_items_max=1))
    bridge.from_editor(Batch([]))
    bridge.lost()
    assert isinstance(bridge.next_effect(), ToEditor)
    assert bridge.next_effect() is None
    bridge.connected()
    assert bridge.next_effect() is not None


def story(it: Desk) -> Iterator[None]:
    """What happens in a session: step by step, so that something may happen between."""
    it.ask("initialize", protocolVersion=1)
    yield
    it.ask("session/new", cwd="/p", mcpServers=[])
    yield
    kept = list(it.house.sessions.values())[-1]
    for number in (1, 2):
        it.prompt(kept)
        yield
        kept.model()
        kept.text(f"One{number} ", "two ")
        yield
        kept.text("three ")
        kept.call(f"c{number}")
        kept.wait(f"a{number}", f"c{number}")
        yield
        kept.result(f"c{number}")
        kept.text("four ")
        yield
        kept.finish("completed" if number == 1 else "max_tokens")
        yield


def play(cuts: set[int], losses: set[int]) -> Desk:
    """Play the story; after these steps the gateway is away for the next one, and it loses the
    connection with these messages."""
    messages = count()
    it = Desk(lambda: next(messages) in losses)
    it.connect()
    for number, _ in enumerate(story(it)):
        if it.seat is None:
            it.connect()
        elif number in cuts and number > 1:
            it.lose()
        it.work()
    if it.seat is None:
        it.connect()
    return it


@given(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 60), max_size=6))
def test_whatever_breaks_the_editor_sees_the_same(cuts: set[int], losses: set[int]) -> None:
    it, whole = play(cuts, losses), play(set(), set())
    assert it.text() == whole.text() == "One1 two three four One2 two three four "
    assert [it.answers(each) for each in (3, 4)] == [whole.answers(each) for each in (3, 4)]
    assert len(it.answers(1)) == len(it.answers(2)) == 1
    assert len(sends(it)) <= 4  # sent again it joins
    assert len({each.message_id for each in sends(it)}) == 2
    assert set(it.questions()) <= {"permission-a1", "permission-a2"}
    calls = [
        (each["params"]["update"]["toolCallId"], each["params"]["update"].get("status"))
        for each in it.seen
        if is_update(each) and each["params"]["update"]["sessionUpdate"] == "tool_call"
    ]
    assert calls == [("c1", "pending"), ("c2", "pending")]


def test_a_name_of_ours_is_never_an_answer_to_the_editor() -> None:
    it = desk()
    it.new()
    it.house.refusals[CreateSession] = ErrorCode.LIMIT_EXCEEDED
    it.lose()
    before = len(it.seen)
    it.connect()
    assert len(it.seen) == before
