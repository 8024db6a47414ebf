"""HTTP tools against a real server: what is sent, and what comes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import h11
import pytest
from tests.server.tools.helpers import outcome_of
from tests.server.tools.http.helpers import GET, KEY, POST, data, joined, made
from tests.standins import http_api as standin
from tests.standins.http_api import http_api, says

from agentgate_proto.records.outcome import Status
from agentgate_server.errors import ArgumentError
from agentgate_server.policy.meanings import Meant
from agentgate_server.secrets.hiding import MASK
from agentgate_server.tools.runner import Runner

pytestmark = pytest.mark.anyio

# What is sent


async def test_a_request_is_made_of_its_parts(tmp_path: Path, runner: Runner) -> None:
    tool = {
        "args": {
            "room": {},
            "level": {"type": "number"},
            "note": {"required": False},
            "on": {"type": "boolean", "default": True},
            "tags": {"type": "array", "required": False},
        },
        "request": {
            "method": "PUT",
            "path": "/rooms/{room}/light",
            "query": {"level": "{level}", "note": "{note}", "fixed": "a b"},
            "headers": {"X-Room": "room {room}", "X-Note": "{note}", "X-Kind": "tool"},
            "json": {"on": "{on}", "tags": "{tags}", "text": "to {level}", "note": "{note}"},
        },
    }
    headers = {"Authorization": "Bearer ${KEY}", "X-Kind": "backend"}
    async with http_api({"/v1/rooms/a%2Fb/light": says(200, {"ok": True})}) as api:
        ask = made(tmp_path, tool, KEY, url=f"{api.url}/v1", headers=headers)
        outcome = await outcome_of(runner, ask, room="a/b", level=5, tags=["x", {"y": 1}])
        await ask.aclose()
    assert data(outcome) == {"ok": True}
    (arrival,) = api.arrivals
    assert arrival.method == "PUT"
    assert arrival.target == "/v1/rooms/a%2Fb/light?level=5&fixed=a%20b"
    assert arrival.json == {"on": True, "tags": ["x", {"y": 1}], "text": "to 5"}
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.headers["authorization"] == "Bearer s3cret-key-value"
    assert arrival.headers["x-room"] == "room a/b"
    assert arrival.headers["x-kind"] == "tool"
    assert "x-note" not in arrival.headers


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        (
            {"form": {"a": "{text}", "b": "c"}},
            "application/x-www-form-urlencoded",
            b"a=x%26b%3Dy%0Az&b=c",
        ),
        ({"text": "{text}"}, "text/plain; charset=utf-8", b"x&b=y\nz"),
        ({"json": "{text}"}, "application/json", b'"x&b=y\\nz"'),
        (
            {"json": {"a": "{text}"}, "headers": {"content-type": "a/b"}},
            "a/b",
            b'{"a":"x&b=y\\nz"}',
        ),
    ],
)
async def test_a_body_is_json_a_form_or_text(
    tmp_path: Path, runner: Runner, body: dict[str, Any], kind: str, sent: bytes
) -> None:
    tool = {"args": {"text": {}}, "request": {"method": "POST", "path": "/", **body}}
    async with joined(tmp_path, says(200), tool) as (api, ask):
        assert data(await outcome_of(runner, ask, text="x&b=y\nz")) is None
    assert api.arrivals[0].headers["content-type"] == kind
    assert api.arrivals[0].body == sent


def test_arguments_are_checked_before_policy_and_before_anybody_is_asked(tmp_path: Path) -> None:
    tool = {
        "args": {
            "city": {"pattern": "[a-z0-9./%]+", "max": 20},
            "days": {"type": "integer", "min": 1, "required": False},
            "id": {"required": False},
        },
        "request": {
            "path": "/{city}",
            "query": {"days": "{days}"},
            "headers": {"X-Id": "{id}"},
        },
    }
    ask = made(tmp_path, tool)
    for args, said in (
        ({}, "missing argument 'city'"),
        ({"city": "x", "dais": 1}, "unknown argument 'dais', did you mean 'days'?"),
        ({"city": "x", "host": "evil.example"}, "unknown argument 'host'"),
        ({"city": "X"}, "argument 'city'"),
        ({"city": "x\n"}, "argument 'city'"),
        ({"city": "x" * 21}, "argument 'city'"),
        ({"city": 5}, "argument 'city': expected str, got int"),
        ({"city": "x", "days": 0}, "argument 'days': expected int >= 1"),
        ({"city": ".."}, "argument 'city' goes into a path"),
        ({"city": "%2e%2e/x"}, "argument 'city' goes into a path"),
        ({"city": "x", "id": "a\r\nX-Admin: 1"}, "argument 'id' goes into a header"),
    ):
        with pytest.raises(ArgumentError) as caught:
            ask.check(args)
        assert said in str(caught.value)
    ask.check({"city": "x", "days": 1, "id": "7"})


async def test_null_counts_as_left_out_and_a_whole_number_is_one_however_it_is_written(
    tmp_path: Path, runner: Runner
) -> None:
    optional = {
        "brightness": {"type": "integer"},
        "level": {"type": "number"},
        "mode": {"enum": ["eco", "boost"]},
        "on": {"type": "boolean", "default": True},
    }
    tool = {
        "args": {
            "room": {},
            **{name: {"required": False, **arg} for name, arg in optional.items()},
        },
        "request": {
            "method": "POST",
            "path": "/",
            "json": {name: f"{{{name}}}" for name in ("room", *optional)},
        },
    }
    async with joined(tmp_path, says(200), tool) as (api, ask):
        nulls = dict.fromkeys(optional)
        assert data(await outcome_of(runner, ask, room="k", **nulls)) is None
        assert data(await outcome_of(runner, ask, room="k", brightness=128.0, on=False)) is None
        assert ask.bound({"room": "k", **nulls}) == {"room": "k", "on": True}
        bound = ask.bound({"room": "k", "brightness": 128.0})
        assert bound == {"room": "k", "brightness": 128, "on": True}
        assert isinstance(bound["brightness"], int)
        for args, said in (
            ({"room": None}, "argument 'room': expected str, got null"),
            ({"room": "k", "brightness": 128.5}, "argument 'brightness': expected int, got float"),
            ({"room": "k", "level": "5"}, "argument 'level': expected float, got str"),
        ):
            with pytest.raises(ArgumentError) as caught:
                ask.check(args)
            assert said in str(caught.value)
    assert [arrival.body for arrival in api.arrivals] == [
        b'{"room":"k","on":true}',
        b'{"room":"k","brightness":128,"on":false}',
    ]


def test_arguments_that_make_no_request_are_refused_too(tmp_path: Path) -> None:
    ask = made(tmp_path, {"args": {"q": {}}, "request": {"path": "/", "query": {"q": "{q}"}}})
    with pytest.raises(ArgumentError, match="half of a surrogate pair"):
        ask.check({"q": "\ud800"})
    with pytest.raises(ArgumentError, match="a URL of more than 8192 characters"):
        ask.check({"q": "ä" * 2_000})


# What becomes of answers


async def test_a_part_of_the_answer_can_be_taken(tmp_path: Path, runner: Runner) -> None:
    body = {"list": [{"main": {"a.b": 21.5}}, 1]}
    for take, value in (("list.0.main.a\\.b", 21.5), ("list.1", 1), ("list", body["list"])):
        async with joined(tmp_path, says(200, body), {**GET, "response": {"take": take}}) as (
            _,
            ask,
        ):
            assert data(await outcome_of(runner, ask)) == value
    for take in ("list.2", "lists", "list.0.main.x", "list.-1"):
        async with joined(tmp_path, says(200, body), {**GET, "response": {"take": take}}) as (
            _,
            ask,
        ):
            outcome = await outcome_of(runner, ask)
        assert outcome.message.startswith(f"api answered 200, but without '{take}': {{\"list\"")


@pytest.mark.parametrize(
    ("body", "kind", "form", "value"),
    [
        (b'{"a": 1}', "application/json; charset=utf-8", "auto", {"a": 1}),
        (b'{"a": 1}', "application/problem+json", "auto", {"a": 1}),
        (b'{"a": 1}', "text/plain", "auto", '{"a": 1}'),
        (b'{"a": 1}', "text/plain", "json", {"a": 1}),
        (b'{"a": 1}', "application/json", "text", '{"a": 1}'),
        (b"\xe4", "text/plain; charset=latin-1", "auto", "ä"),
        (b"\xe4", "text/plain; charset=no-such", "auto", "\N{REPLACEMENT CHARACTER}"),
        (b"", "application/json", "auto", None),
    ],
)
async def test_a_body_is_read_by_its_type_unless_declared(
    tmp_path: Path, runner: Runner, body: bytes, kind: str, form: str, value: Any
) -> None:
    tool = {**GET, "response": {"format": form}}
    async with joined(tmp_path, says(200, body, Content_Type=kind), tool) as (_, ask):
        assert data(await outcome_of(runner, ask)) == value


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (says(404, {"message": "no such city"}), 'api answered 404 Not Found: {"message":"no such'),
        (
            says(429, b"slow down", Retry_After="30"),
            "Too Many Requests: slow down (try again in 30 s)",
        ),
        (says(503, Retry_After="Fri, 31 Dec 1999"), "Unavailable (try after Fri, 31 Dec 1999)"),
        (says(301, Location="/x"), "301 Moved Permanently (a redirect, which was not followed)"),
        (says(503), "api answered 503 Service Unavailable"),
        (says(599, b"odd\x00\nlines"), "api answered 599: odd lines"),
        (says(404, b"x" * 5_000), "x" * 299 + "…"),
    ],
)
async def test_a_failure_is_told_in_the_apis_own_words(
    tmp_path: Path, runner: Runner, behaviour: standin.Behaviour, said: str
) -> None:
    for tool in (GET, POST):
        async with joined(tmp_path, behaviour, tool) as (api, ask):
            outcome = await outcome_of(runner, ask)
        assert outcome.status is Status.FAILED
        assert said in outcome.message
        assert len(api.arrivals) == 1


async def test_what_counts_as_failure_can_be_declared(tmp_path: Path, runner: Runner) -> None:
    response = {
        "ok_status": [404],
        "error_if": [{"path": "error"}, {"path": "state", "equals": "off"}, {"status": [202]}],
    }
    tool = {**GET, "response": response}
    for status, body, ended in (
        (200, {"error": None, "state": "on"}, Status.EXECUTED),
        (404, {}, Status.EXECUTED),
        (200, {"error": "x"}, Status.FAILED),
        (200, {"state": "off"}, Status.FAILED),
        (202, {}, Status.FAILED),
        (200, [1], Status.EXECUTED),
    ):
        async with joined(tmp_path, says(status, body), tool) as (_, ask):
            assert (await outcome_of(runner, ask)).status is ended


async def test_a_value_is_compared_with_its_type(tmp_path: Path, runner: Runner) -> None:
    tool = {**GET, "response": {"error_if": [{"path": "code", "equals": 1}]}}
    async with joined(tmp_path, says(200, {"code": True}), tool) as (_, ask):
        assert (await outcome_of(runner, ask)).status is Status.EXECUTED


async def test_the_result_of_a_head_is_its_status(tmp_path: Path, runner: Runner) -> None:
    async def bodiless(talk: standin.Conversation, arrival: standin.Arrival) -> None:
        head = h11.Response(status_code=204, headers=[])
        await talk.send(head, h11.EndOfMessage())

    tool = {"effects": "read", "request": {"method": "HEAD", "path": "/"}}
    async with joined(tmp_path, bodiless, tool) as (api, ask):
        assert data(await outcome_of(runner, ask)) == {"status": 204}
    assert api.arrivals[0].method == "HEAD"


async def test_an_answer_above_the_cap_is_refused(tmp_path: Path, runner: Runner) -> None:
    tool = {**GET, "response": {"bytes_max": 1_000}}
    async with joined(tmp_path, standin.floods, tool) as (_, ask):
        outcome = await outcome_of(runner, ask)
    assert outcome.message.startswith("api answered 200, but with more than 1,000 bytes")


# One backend's death touches no other


async def test_a_hanging_backend_leaves_every_other_tool_alone(
    tmp_path: Path, runner: Runner
) -> None:
    async with (
        joined(tmp_path, standin.hangs, GET, concurrency_max=2, queue_max=3) as (api, stuck),
        joined(tmp_path, says(200, "well"), GET, name="other") as (_, other),
        anyio.create_task_group() as tasks,
    ):
        for _ in range(5):
            tasks.start_soon(runner.run, stuck, {})
        with anyio.fail_after(20):
            while len(api.arrivals) < 2:
                await anyio.sleep(0.001)
        assert data(await outcome_of(runner, other)) == "well"
        refused = await outcome_of(runner, stuck)
        assert refused.message == (
            "it was not started: backend api is busy: 2 calls run and 3 wait; ask again later"
        )
        assert len(api.arrivals) == 2
        tasks.cancel_scope.cancel()


async def test_a_dead_backend_is_refused_at_once_and_the_text_says_why(
    tmp_path: Path, runner: Runner
) -> None:
    async with joined(tmp_path, says(500), POST, circuit={"failures_max": 2}) as (api, ask):
        for _ in range(2):
            assert "answered 500" in (await outcome_of(runner, ask)).message
        outcome = await outcome_of(runner, ask)
    assert outcome.status is Status.FAILED
    assert "it was not started: api has failed for 0 s, 2 times in a row (status 500)" in (
        outcome.message
    )
    assert len(api.arrivals) == 2


async def test_which_statuses_count_as_broken_can_be_declared(
    tmp_path: Path, runner: Runner
) -> None:
    circuit = {"failures_max": 1, "failing_status": [503]}
    async with joined(tmp_path, says(500), GET, circuit=circuit) as (api, ask):
        for _ in range(3):
            assert "answered 500" in (await outcome_of(runner, ask)).message
        api.routes["/"] = says(503)
        assert "answered 503" in (await outcome_of(runner, ask)).message
        assert "1 times in a row (status 503)" in (await outcome_of(runner, ask)).message


# Secrets


async def test_what_a_backend_echoes_of_our_secrets_is_masked(tmp_path: Path) -> None:
    async def echoes_badly(talk: standin.Conversation, arrival: standin.Arrival) -> None:
        text = "x" * 290 + arrival.headers["authorization"]
        await talk.answer(403, text.encode())

    headers = {"Authorization": "Bearer ${KEY}"}
    async with joined(tmp_path, echoes_badly, GET, headers=headers) as (_, ask):
        with pytest.raises(Exception, match="api answered 403") as caught:
            await ask.run({})
    assert KEY["KEY"][:4] not in str(caught.value)
    assert MASK[:1] in str(caught.value)


def test_without_http_tools_no_http_client_is_imported() -> None:
    program = (
        "import sys, agentgate_server.gateway\n"
        "print([name for name in ('httpcore2', 'httpx2') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_policy_is_told_the_defaults_and_that_nothing_else_differs(tmp_path: Path) -> None:
    args = {
        "mode": {"enum": ["fast", "slow"], "default": "slow"},
        "n": {"type": "number"},
        "note": {"required": False},
    }
    query = {name: f"{{{name}}}" for name in args}
    tool = made(tmp_path, {"args": args, "request": {"path": "/", "query": query}})
    assert tool.meant({"n": 1}) == Meant({"mode": "slow", "n": 1})
    assert tool.meant({"n": 5.0, "mode": "fast"}) is None
    assert tool.expected(("mode",)).choices == ("fast", "slow")
    assert tool.expected(("n",)).forms("5.0", as_given=False) == (5,)
    assert tool.expected(("none",)).types == ()
