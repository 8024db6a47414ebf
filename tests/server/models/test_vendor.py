"""Models behind an HTTP API, both vendors', against a real server on this machine."""

from __future__ import annotations

import logging
import ssl
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSListener
from tests.names.silence import SILENT, assert_nothing_waits
from tests.server.certificates import make
from tests.server.models.vendors import (
    BOUND_S,
    KEY,
    asked,
    calls_of,
    failed,
    joined,
    model_at,
    text_of,
    told,
)

from agentgate_cli.standins.http_server import HttpRequest, HttpResponse, HttpServer
from agentgate_cli.standins.models import (
    CleanEnd,
    Cut,
    Fail,
    Reply,
    Say,
    Send,
    Stall,
    Think,
    Use,
    Wait,
)
from agentgate_proto.models.events import Ended, Failed, Failure, Stop, ThinkingDelta, UsageSeen
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.models.vendor import CONNECTIONS_MAX, EVENT_BYTES_MAX
from agentgate_server.secrets.masking import MASK, Masker
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["anthropic", "openai"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# What is sent


async def test_exactly_the_bytes_of_the_request_are_sent(vendor: str) -> None:
    request = asked(vendor, system_prompt="Be kind.")
    async with joined(vendor) as (server, model):
        await told(model, request)
    assert server.bodies == [request.body]


async def test_a_base_url_may_have_a_path_and_a_query(vendor: str) -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        targets.append(request.target)
        return HttpResponse(status=500)

    targets: list[str] = []
    async with HttpServer(answer) as server:
        model = model_at(vendor, f"{server.url}/a%2Fb/v1/?api-version=3")
        await told(model)
        await model.aclose()
    path = "/a%2Fb/v1/messages" if vendor == "anthropic" else "/a%2Fb/v1/chat/completions"
    assert targets == [f"{path}?api-version=3"]


async def test_no_proxy_of_the_environment_is_asked(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with joined(vendor) as (_, model):
        assert text_of(await told(model)) == "You said: Grüße"


# What comes


async def test_a_text_thinking_and_a_call_come_as_they_were_said(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(
            Reply(Think("Hm"), Say("Grü"), Say("ße 🌍"), Use("look", {"a": "ä"}), output_tokens=7)
        )
        events = await told(model)
    assert ThinkingDelta("Hm") in events
    assert text_of(events) == "Grüße 🌍"
    assert calls_of(events) == [("look", '{"a":"ä"}'.encode())]
    usages = [event.usage for event in events if isinstance(event, UsageSeen)]
    assert (usages[-1].input, usages[-1].output) == (10, 7)
    last = events[-1]
    assert isinstance(last, Ended)
    assert (last.stop, last.model_id) == (Stop.TOOLS, "m-1")


@pytest.mark.parametrize("chunk_bytes", [1, 2, 7])
async def test_bytes_may_be_cut_anywhere(vendor: str, chunk_bytes: int) -> None:
    async with joined(vendor) as (server, model):
        steps = (Say("Grüße 🌍"), Use("look", {"a": "ä\n"}))
        server.replies += [Reply(*steps), Reply(*steps, chunk_bytes=chunk_bytes)]
        assert await told(model) == await told(model)


async def test_each_piece_comes_when_it_is_said(vendor: str) -> None:
    go_on = anyio.Event()
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Say("a"), Wait(go_on), Say("b")))
        seen = ""
        async with aclosing(model.stream(asked(vendor))) as events:  # type: ignore[type-var]
            async for event in events:
                seen += text_of([event])
                if seen == "a":
                    go_on.set()
    assert seen == "ab"


END = {
    "anthropic": b'data: {"type":"message_stop"}\n\n',
    "openai": b'data: {"choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
}


async def test_the_end_is_told_although_the_body_has_none(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Say("a"), Send(END[vendor]), Stall()))
        async with aclosing(model.stream(asked(vendor))) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Ended):
                    assert server.streaming == 1
                    break
        await server.until(lambda: server.streaming == 0)


async def test_a_body_that_has_an_end_leaves_its_connection_for_the_next_stream(
    vendor: str,
) -> None:
    async with joined(vendor) as (server, model):
        for _ in range(3):
            await told(model)
        assert server.http.connections == 1


async def test_whoever_says_no_end_after_the_reason_is_not_waited_for_long() -> None:
    async with joined("openai") as (server, model):
        model.grace_s = 0.05
        reason = END["openai"].removesuffix(b"data: [DONE]\n\n")
        server.replies.append(Reply(Say("a"), Send(reason), Stall()))
        assert isinstance((await told(model))[-1], Ended)


async def test_a_connection_that_breaks_after_the_reason_changes_nothing() -> None:
    async with joined("openai") as (server, model):
        reason = END["openai"].removesuffix(b"data: [DONE]\n\n")
        server.replies.append(Reply(Say("a"), Send(reason), Cut()))
        assert isinstance((await told(model))[-1], Ended)


# What goes wrong


async def test_a_cut_is_no_end_however_clean_it_is(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        for how in (Cut(), CleanEnd()):
            server.replies.append(Reply(Say("a"), how))
            events = await told(model)
            assert text_of(events) == "a"
            assert failed(events).failure is Failure.TRUNCATED


async def test_a_stream_that_stalls_is_cut(vendor: str) -> None:
    async with joined(vendor, timeout_s=0.2) as (server, model):
        server.replies.append(Reply(Say("a"), Stall()))
        told_of = failed(await told(model))
        assert told_of.failure is Failure.TRUNCATED
        assert told_of.message == "the stream stalled: nothing came for 0.2 s"
        await server.until(lambda: server.left == 1)


async def test_an_error_in_the_middle_says_whether_to_ask_again(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        for kind, failure in (
            ("overloaded_error", Failure.RETRYABLE),
            ("invalid_request_error", Failure.FATAL),
        ):
            server.replies.append(Reply(Say("a"), Fail(kind, "no")))
            assert failed(await told(model)) == Failed(failure=failure, message=f"{kind}: no")


async def test_a_status_is_told_with_how_long_to_wait(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        reply = Reply(Fail("rate_limit_error", "Slow"), status=429, retry_after="7")
        server.replies.append(reply)
        assert await told(model) == [
            Failed(
                failure=Failure.RETRYABLE,
                message="status 429: rate_limit_error: Slow",
                retry_after_s=7.0,
            )
        ]
        assert model.problem() == ""


async def test_a_wrong_key_is_a_problem_and_is_never_shown(
    vendor: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = "sk-wrong-9876543210"
    async with joined(vendor, api_key=Secret(wrong)) as (_, model):
        events = await told(model)
        assert model.problem() == failed(events).message
    assert failed(events).failure is Failure.FATAL
    assert MASK in failed(events).message
    assert wrong not in repr(events) + caplog.text + repr(vars(model))


async def test_what_worked_is_no_problem_any_more(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Fail("permission_error"), status=403))
        await told(model)
        assert "permission_error" in model.problem()
        await told(model)
        assert model.problem() == ""


async def test_a_server_that_is_not_there_may_come_back(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        await server.http.__aexit__()
        told_of = failed(await told(model))
        assert told_of.failure is Failure.RETRYABLE
        assert "could not be reached" in told_of.message
        assert model.problem() == told_of.message
        await server.http.__aenter__()
        assert text_of(await told(model)) == "You said: Grüße"
        assert model.problem() == ""


async def told_by(vendor: str, response: HttpResponse | None) -> Failed:
    """How a model tells of a server that answers everything in one way."""

    async def answer(_: HttpRequest) -> HttpResponse | None:
        return response

    with anyio.fail_after(BOUND_S):
        async with HttpServer(answer) as server:
            model = model_at(vendor, server.url)
            events = await told(model)
            await model.aclose()
    assert len(events) == 1
    return failed(events)


async def test_a_connection_that_breaks_before_the_answer_is_worth_another_one(vendor: str) -> None:
    told_of = await told_by(vendor, None)
    assert told_of.failure is Failure.RETRYABLE
    assert "before it answered" in told_of.message


async def test_a_redirect_is_not_followed(vendor: str) -> None:
    response = HttpResponse(status=307, headers={"location": "http://127.0.0.1:9/"})
    told_of = await told_by(vendor, response)
    assert told_of == Failed(failure=Failure.FATAL, message="status 307")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"no"}}', "no"),
        (b"<html>", "the answer is of the type text/html and no stream"),
        (b"x" * 100_000, "x" * 500),
    ],
)
async def test_an_answer_that_is_no_stream_is_none(vendor: str, body: bytes, message: str) -> None:
    response = HttpResponse(body=body, headers={"content-type": "text/html"})
    assert await told_by(vendor, response) == Failed(failure=Failure.FATAL, message=message)


async def test_an_event_has_an_end_whatever_the_server_sends(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Send(b"data: " + b" " * EVENT_BYTES_MAX), Stall()))
        told_of = failed(await told(model))
    assert told_of.failure is Failure.FATAL
    assert "an event has more than" in told_of.message


def test_runs_wait_for_no_connection() -> None:
    assert SessionLimits().runs_max < CONNECTIONS_MAX


async def test_a_stream_has_an_end_be_there_nothing_but_comments(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.models.vendor.STREAM_S_MAX", 0.1)
    async with joined(vendor) as (server, model):
        pings = [Send(b": ping\n\n")] * 10_000
        server.replies.append(Reply(*pings, delay_s=0.005))
        told_of = failed(await told(model))
    assert told_of.failure is Failure.TRUNCATED
    assert told_of.message == "the answer took more than 0.1 s"


async def test_a_server_that_nobody_vouches_for_is_told_nothing(
    vendor: str, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make(tmp_path, "mine"), tmp_path / "mine.key")

    async def take(stream: anyio.abc.AnyByteStream) -> None:
        heard.append(await stream.receive())

    heard: list[bytes] = []
    with anyio.fail_after(BOUND_S):
        plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = plain.extra(anyio.abc.SocketAttribute.local_port)
        async with (
            TLSListener(plain, context, standard_compatible=False) as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, take)
            model = model_at(vendor, f"https://127.0.0.1:{port}")
            told_of = failed(await told(model))
            await model.aclose()
            tasks.cancel_scope.cancel()
    assert told_of.failure is Failure.FATAL
    assert "could not be reached" in told_of.message
    assert heard == []


@pytest.mark.parametrize("key", ["two\nlines", "ключ"])
def test_a_key_that_can_t_stand_in_a_header_is_refused_and_not_quoted(
    vendor: str, key: str
) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        model_at(vendor, api_key=Secret(key))
    assert key not in str(caught.value)


def test_what_is_no_url_is_refused(vendor: str) -> None:
    with pytest.raises(ValueError, match="http"):
        model_at(vendor, "ftp://example.org")


async def test_the_key_is_hidden_from_then_on(vendor: str) -> None:
    masker = Masker()
    model = model_at(vendor, masker=masker)
    assert KEY not in masker.text(f"it is {KEY}")
    await model.aclose()


# Leaving


async def test_closing_the_stream_closes_the_connection_at_once(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Say("a"), Stall()))
        async with aclosing(model.stream(asked(vendor))) as events:  # type: ignore[type-var]
            async for event in events:
                if text_of([event]):
                    break
        await server.until(lambda: server.left == 1)


async def test_cancelling_closes_the_connection_at_once(vendor: str) -> None:
    async with joined(vendor) as (server, model):
        server.replies.append(Reply(Say("a"), Stall()))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(told, model)
            await server.until(lambda: server.streaming == 1)
            tasks.cancel_scope.cancel()
        await server.until(lambda: server.left == 1)
        assert text_of(await told(model)) == "You said: Grüße"


async def test_many_streams_at_once_do_not_mix(vendor: str) -> None:
    async with joined(vendor) as (server, model):

        async def ask(number: int) -> None:
            events = await told(model, asked(vendor, f"number {number}"))
            said.append((number, text_of(events)))

        said: list[tuple[int, str]] = []
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(ask, number)
    assert sorted(said) == [(number, f"You said: number {number}") for number in range(20)]
    assert server.left == 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_silent_name_server_holds_up_nobody_who_stops(backend: str) -> None:
    async def work() -> None:
        model = model_at("openai", f"http://{SILENT}/v1")
        try:
            await told(model)
        finally:
            with anyio.CancelScope(shield=True):
                await model.aclose()

    assert_nothing_waits(work, backend)
