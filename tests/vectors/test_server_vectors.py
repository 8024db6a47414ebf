"""Our own gateway does what the server's vectors say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.proto.support import PONG
from tests.spec.schema import schema
from tests.vectors.virtual_gateway import CUT, HOST, VirtualGateway

from agentgate_cli.conformance.levels import PARTS
from agentgate_cli.conformance.order import Sends
from agentgate_cli.conformance.vectors import (
    SETTLED_BEFORE,
    Gathered,
    Mismatch,
    Step,
    Vector,
    brief,
    compare,
    kind_of,
    load,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def replay(vector: Vector, gateway: VirtualGateway) -> None:
    grammar = Grammar()
    bound: dict[str, Any] = {
        **gateway.tokens,
        "wrong_token": "a token that nobody has",
        "host": HOST,
        "origin": f"http://{HOST}",
        **{name: f"{name}-1" for name in ("client", "other_client", "key")},
    }
    sends = Sends(vector, bound)

    def receive(step: Step) -> Any:
        got = next_output(gateway, "send", step)
        grammar.check(step["on"], got)
        return got["send"]

    for at, step in enumerate(vector.steps):
        kind, is_output = kind_of(step, "server")
        if kind == "events":
            gathered = Gathered(step["events"], bound)
            while not gathered.is_whole:
                wait_for_events(gateway, step["on"], vector)
                got = next_output(gateway, "send", step)
                grammar.check(step["on"], got)
                gathered.add(got["send"])
            gathered.compare()
        elif kind == "send":
            sends.take(at, receive)
        elif is_output:
            compare(step[kind], next_output(gateway, kind, step)[kind], bound)
        else:
            if kind in SETTLED_BEFORE:
                nothing_left(gateway)
            grammar.asked(kind, step)
            gateway.do(kind, step, bound)
            answer_pings(gateway, vector)
    nothing_left(gateway)


class Grammar:
    """Everything that the gateway says is what the schema says."""

    def __init__(self) -> None:
        self.methods: dict[str, str] = {}

    def asked(self, kind: str, step: Step) -> None:
        """Remember which method an id is for."""
        message = step.get("receive")
        for each in message if isinstance(message, list) else [message]:
            if isinstance(each, dict) and "method" in each and "id" in each:
                self.methods[f"{step['on']} {each['id']!r}"] = each["method"]

    def check(self, on: str, got: Step) -> None:
        """Compare what was said on a connection with the schema of its kind."""
        message = got.get("send")
        for each in message if isinstance(message, list) else [message]:
            if each is None:
                continue
            name = "error_response"
            if "method" in each:
                name = f"{each['method']}.{'request' if 'id' in each else 'notification'}"
            elif "result" in each:
                method = self.methods.get(f"{on} {each['id']!r}")
                name = f"{method}.response" if method else ANY
            VALIDATORS[name].validate(each)


def validators() -> dict[str, Draft202012Validator]:
    """One for each kind of message."""
    whole = schema()
    definitions = whole["$defs"] | {ANY: {"anyOf": whole["anyOf"]}}
    return {
        name: Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
        for name in definitions
    }


EVENTS_S = 5.0
"""How long the next events of a session may take."""

ANY = "any message"
"""What is asked by an odd frame, or was on an earlier connection, has no method here."""

VALIDATORS = validators()


def answer_pings(gateway: VirtualGateway, vector: Vector) -> None:
    """Do what every WebSocket library does, unless the vector is about it."""
    for name in list(gateway.peers):
        peer = gateway.peers[name]
        if "ping" not in vector.watch:
            for ping in [step for step in peer.said if "ping" in step]:
                peer.said.remove(ping)
                gateway._frame(name, PONG, ping["ping"].encode())
        if "pong" not in vector.watch:
            peer.said[:] = [step for step in peer.said if "pong" not in step]
        if "close" not in vector.watch and peer.told_close and CUT in peer.said:
            peer.said.remove(CUT)


def wait_for_events(gateway: VirtualGateway, on: str, vector: Vector) -> None:
    """Let time go by, up to ``EVENTS_S``, if nothing has come yet: a run takes its time."""
    until = gateway.now + EVENTS_S
    while not gateway.peers[on].said and gateway.now < until:
        gateway.do("advance", {"advance": EVENTS_S / 50}, {})
        answer_pings(gateway, vector)


def next_output(gateway: VirtualGateway, kind: str, wanted: Step) -> Step:
    """Take the next output of the connection, which must be of this kind."""
    said = gateway.peers[wanted["on"]].said
    if not said:
        raise Mismatch(f"nothing came on {wanted['on']}, instead of {brief(wanted)}")
    got = said.pop(0)
    if kind not in got:
        raise Mismatch(f"{brief(got)} came on {wanted['on']}, instead of {brief(wanted)}")
    return got


def nothing_left(gateway: VirtualGateway) -> None:
    for name, peer in gateway.peers.items():
        if peer.is_plain and peer.said == [CUT]:
            peer.said.clear()  # the end of plain HTTP counts only where it is asked for
        if peer.said:
            raise Mismatch(f"on {name} came besides: {brief(peer.said)}")


@pytest.mark.parametrize("vector", load("server"), ids=lambda vector: vector.name)
async def test_the_gateway_follows_the_vector(vector: Vector, tmp_path: Path) -> None:
    gateway = VirtualGateway(tmp_path / "gateway")
    try:
        replay(vector, gateway)
    finally:
        gateway.close()


def test_every_vector_belongs_to_a_part_and_names_its_rules() -> None:
    assert [a.name for a in load("server") if a.level not in PARTS or not a.rules] == []
