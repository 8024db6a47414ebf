"""One session, seen and ended in three wire formats: native, AgentSpace, universal agent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from tests.e2e.faces import MODEL, faces_gateway
from tests.e2e.process import AGENT_TOKEN, BOUND_S, GatewayProcess
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

BEARER = {"Authorization": f"Bearer {AGENT_TOKEN}"}
LONG = "Count to 10000"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with faces_gateway(tmp_path_factory.mktemp("all")) as process:
        yield process


class Talker:
    """A client by hand, whose messages are JSON."""

    def __init__(self, client: ClientConnection) -> None:
        self.client = client
        self.seen: list[Any] = []

    def say(self, **message: Any) -> None:
        self.client.send(json.dumps(message))

    def next(self) -> Any:
        self.seen.append(json.loads(self.client.recv(timeout=BOUND_S)))
        return self.seen[-1]

    def until(self, **members: Any) -> Any:
        """Read up to a message that has these members."""
        while not members.items() <= self.next().items():
            pass
        return self.seen[-1]


class Native(Talker):
    """JSON-RPC."""

    path = "/"

    def call(self, method: str, **params: Any) -> Any:
        self.say(jsonrpc="2.0", method=method, params=params, id=method)
        return self.until(id=method)["result"]

    def join(self) -> None:
        self.call("auth", token=AGENT_TOKEN)

    def begin(self, session: str) -> None:
        self.call("send_message", session=session, text=LONG, message_id="m")

    def watch(self, session: str) -> None:
        self.call("attach_session", session=session)

    def events(self) -> list[Any]:
        notices = [each["params"] for each in self.seen if each.get("method") == "session_event"]
        return [event for notice in notices for event in notice["events"]]

    def shown(self) -> None:
        """Wait until text was shown."""
        while not any(event["kind"] == "text" for event in self.events()):
            self.next()

    def asked(self) -> str:
        """Wait for a person to be asked; return the approval's id."""
        while not (found := [e["data"] for e in self.events() if e["kind"] == "approval"]):
            self.next()
        return str(found[0]["approval"])

    def cancel(self, session: str) -> None:
        assert self.call("cancel_run", session=session)["status"] == "cancelled"

    def end(self) -> str:
        """Wait for the run's end; return how it came."""
        while not (found := [e["data"] for e in self.events() if e["kind"] == "run_ended"]):
            self.next()
        return str(found[0]["status"])


class AgentSpace(Talker):
    """Seed 004's messages."""

    path = "/gateway"

    def join(self) -> None:
        """The bearer has said it."""

    def begin(self, session: str) -> None:
        self.say(type="chat.send", id="b", content=LONG, sessionId=session)

    def watch(self, session: str) -> None:
        self.say(type="chat.attach", id="w", sessionId=session)

    def shown(self) -> None:
        self.until(type="chat.stream.delta")

    def asked(self) -> str:
        return str(self.until(type="tool.approval.pending")["approvalId"])

    def cancel(self, session: str) -> None:
        self.say(type="chat.cancel", id="c", sessionId=session)
        assert self.until(type="chat.cancelled")["status"] == "cancelled"

    def end(self) -> str:
        ends = [each for each in self.seen if each["type"] == "chat.stream.end"]
        return str((ends or [self.until(type="chat.stream.end")])[0].get("status", "completed"))


class UniversalAgent(Talker):
    """Seed 003's, with the actions that it has besides ``execute``."""

    path = "/sessions/{}/execute"

    def join(self) -> None:
        """The bearer has said it."""

    def begin(self, session: str) -> None:
        self.say(action="execute", user_input=LONG)

    def watch(self, session: str) -> None:
        self.say(action="attach")

    def shown(self) -> None:
        self.until(type="text")

    def asked(self) -> str:
        while self.until(type="status")["data"]["status"] != "approval_required":
            pass
        return str(self.seen[-1]["data"]["approval_id"])

    def cancel(self, session: str) -> None:
        self.say(action="cancel")

    def end(self) -> str:
        while self.next()["type"] != "iteration_end":
            pass
        states = [each["data"]["status"] for each in self.seen if each["type"] == "status"]
        return str(states[-1]) if states else "completed"


FACES = (Native, AgentSpace, UniversalAgent)


@contextmanager
def joined(gateway: GatewayProcess, face: type[Any], session: str) -> Iterator[Any]:
    url = gateway.url + face.path.format(session)
    with connect(url, additional_headers=BEARER, open_timeout=BOUND_S) as client:
        talker = face(client)
        talker.join()
        yield talker


def made(gateway: GatewayProcess) -> str:
    with joined(gateway, Native, "") as native:
        return str(native.call("create_session", model=MODEL)["id"])


@pytest.mark.parametrize("begun", FACES)
@pytest.mark.parametrize("cancelled", FACES)
def test_a_run_is_cancelled_from_any_face_and_all_are_told(
    gateway: GatewayProcess, begun: type[Any], cancelled: type[Any]
) -> None:
    session = made(gateway)
    with joined(gateway, begun, session) as one, joined(gateway, cancelled, session) as other:
        one.begin(session)
        if begun is Native:
            one.watch(session)
        one.shown()
        other.watch(session)
        other.shown()
        other.cancel(session)
        assert one.end() == "cancelled"
        assert other.end() == "cancelled"


@pytest.mark.parametrize("face", FACES)
def test_a_client_that_goes_cancels_nothing_whatever_its_face(
    gateway: GatewayProcess, face: type[Any]
) -> None:
    session = made(gateway)
    with joined(gateway, face, session) as one:
        one.begin(session)
        if face is Native:
            one.watch(session)
        one.shown()
    with joined(gateway, Native, session) as native:
        native.watch(session)
        native.shown()
        native.cancel(session)
        assert native.end() == "cancelled"


def test_a_page_that_can_send_no_header_comes_in_by_a_ticket_once(gateway: GatewayProcess) -> None:
    session = made(gateway)
    for face in (AgentSpace, UniversalAgent):
        _, ticket = gateway.http("/api/tickets", {}, AGENT_TOKEN)
        url = f"{gateway.url}{face.path.format(session)}?ticket={ticket['ticket']}"
        with connect(url, open_timeout=BOUND_S) as client:
            talker = face(client)
            talker.begin(session)
            talker.shown()
            talker.cancel(session)
            assert talker.end() == "cancelled"
        with pytest.raises(InvalidStatus) as refused:
            connect(url, open_timeout=BOUND_S)
        assert refused.value.response.status_code == 401


def test_a_question_that_is_open_is_shown_to_who_comes_later_and_its_answer_to_all(
    gateway: GatewayProcess,
) -> None:
    session = made(gateway)
    with ExitStack() as stack:
        native = stack.enter_context(joined(gateway, Native, session))
        native.call(
            "send_message", session=session, text='call Remove {"path": "x"}', message_id="m"
        )
        (waiting,) = gateway.wait_for_approvals()
        talkers = [native]
        talkers += [stack.enter_context(joined(gateway, face, session)) for face in FACES[1:]]
        for talker in talkers:
            talker.watch(session)
            assert talker.asked() == waiting["id"]
        gateway.decide(waiting["id"], "approve")
        ends = [talker.end() for talker in talkers]
        assert ends == ["completed", "completed", "approval_required"], "the last that was told"
        assert [e["data"]["status"] for e in native.events() if e["kind"] == "tool_result"] == [
            "executed"
        ]
        assert "tool.result" in [each["type"] for each in talkers[1].seen]
        assert "tool_result" in [each["type"] for each in talkers[2].seen]
