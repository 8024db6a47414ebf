"""Traces: one span for each request, its steps as events, nothing left open."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.server.embedded import (
    BOUND_S,
    OWNER,
    RawClient,
    asked,
    config,
    echo,
    hang,
    http,
    note,
    raw_client,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.rpc.messages import CancelRequest, ToolRequest
from agentgate_server import opening
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.observing import tracing
from agentgate_server.observing.setup import NO_OPENTELEMETRY
from agentgate_server.observing.tracing import Tracing
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

POLICY = """
defaults: [{pattern: "*", action: allow}]
rules:
  - {tool: asked, action: ask}
  - {tool: echo, args: {text: forbidden}, action: deny}
"""
ON = {"tracing": {"enabled": True}}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans go here instead of to where the environment says."""
    exporter = InMemorySpanExporter()

    def provider() -> TracerProvider:
        made = TracerProvider(shutdown_on_exit=False)
        made.add_span_processor(SimpleSpanProcessor(exporter))
        return made

    monkeypatch.setattr(tracing, "provider_of_environment", provider)
    return exporter


def gateway_of(folder: Path, **changes: Any) -> Gateway:
    tools = [echo, hang, note, asked]
    return Gateway(config(folder, **ON, **changes), tools=tools, policy=Policy.parse(POLICY))


async def ask(client: RawClient, number: int, tool: str, **args: Any) -> None:
    await client.request(number, "tool_request", ToolRequest(tool=tool, args=args))


async def settled(gateway: Gateway) -> None:
    await until(lambda: not gateway.gate.ledger.active, "every write")


def names(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


def tools_of(spans: Sequence[ReadableSpan]) -> list[str]:
    return [span.name.removeprefix("tool_request ") for span in spans]


async def test_each_request_is_a_span_with_its_steps_as_events(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    gateway = gateway_of(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            await ask(client, 1, "echo", text="private")
            await client.next(Answered)
            await ask(client, 2, "note", text="private")
            await client.next(Answered)
            await settled(gateway)
            read, write = exporter.get_finished_spans()
    assert tools_of((read, write)) == ["echo", "note"]
    assert sorted(names(read)) == sorted(names(write))
    assert names(write) == ["received", "decided", "started", "ended", "sent"]
    assert write.attributes is not None
    assert {k: v for k, v in write.attributes.items() if k != "agentgate.rid"} == {
        "agentgate.agent": "agent",
        "agentgate.tool": "note",
        "agentgate.effects": "write",
        "agentgate.action": "allow",
        "agentgate.rule": "permissions.yaml:2",
        "agentgate.outcome": "executed",
    }
    assert "private" not in read.to_json() + write.to_json()
    assert write.start_time is not None
    assert write.end_time is not None
    assert write.start_time <= write.end_time
    assert write.status.status_code is StatusCode.UNSET


async def test_what_a_person_answers_is_in_it(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    gateway = gateway_of(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            await ask(client, 1, "asked", text="x")
            (view,) = await until(gateway.gate.desk.waiting, "the approval")
            path = f"/api/approvals/{view.id}"
            await http(gateway, "POST", path, token=OWNER, body={"decision": "approve"})
            await client.next(Answered)
            await settled(gateway)
            (span,) = exporter.get_finished_spans()
    assert names(span) == [
        *("received", "decided", "waiting", "answered", "started", "ended", "sent"),
    ]
    assert span.attributes is not None
    assert span.attributes["agentgate.rid"] == view.id
    assert span.attributes["agentgate.answer"] == "approved"
    (answer,) = [event for event in span.events if event.name == "answered"]
    assert dict(answer.attributes or {}) == {"answer": "approved", "channel": "http"}


async def test_a_denial_is_no_error_and_an_unknown_outcome_is(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    gateway = gateway_of(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            await ask(client, 1, "echo", text="forbidden")
            await client.next(Answered)
            await ask(client, 2, "hang")
            await until(lambda: gateway.gate.running.count, "the tool that runs")
            await client.request(3, "cancel_request", CancelRequest(request_id=2))
            await settled(gateway)
            denied, unknown = exporter.get_finished_spans()
    assert denied.attributes is not None
    assert unknown.attributes is not None
    assert denied.attributes["agentgate.outcome"] == "denied"
    assert denied.status.status_code is StatusCode.UNSET
    assert unknown.attributes["agentgate.outcome"] == "unknown"
    assert unknown.status.status_code is StatusCode.ERROR


async def test_what_still_waits_at_the_end_is_handed_over(
    tmp_path: Path, exporter: InMemorySpanExporter
) -> None:
    gateway = gateway_of(tmp_path)
    with anyio.fail_after(BOUND_S):
        async with gateway, raw_client(gateway) as client:
            await client.next(Authenticated)
            await ask(client, 1, "asked", text="x")
            await until(gateway.gate.desk.waiting, "the approval")
            assert exporter.get_finished_spans() == ()
    (span,) = exporter.get_finished_spans()
    assert names(span) == ["received", "decided", "waiting"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_exporter_that_hangs_holds_up_no_end(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the event loop's nor the process's, which waits for all threads but daemons."""
    monkeypatch.setattr(opening, "HAND_OVER_S", 0.01)
    told, hung = threading.Event(), list[threading.Thread]()

    class Hangs(TracerProvider):
        def shutdown(self) -> None:
            hung.append(threading.current_thread())
            told.wait(BOUND_S)

    async def stop() -> None:
        await opening.hand_over(Tracing(Hangs(shutdown_on_exit=False), lambda: 0))

    try:
        anyio.run(stop, backend=backend)
        assert [(thread.is_alive(), thread.daemon) for thread in hung] == [(True, True)]
    finally:
        told.set()


async def test_an_exporter_that_fails_at_the_end_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fails(TracerProvider):
        def shutdown(self) -> None:
            raise OSError("no collector")

    with anyio.fail_after(BOUND_S):
        await opening.hand_over(Tracing(Fails(shutdown_on_exit=False), lambda: 0))
    assert "the last traces could not be handed over" in caplog.text


def test_requests_that_were_refused_after_all_leave_no_spans_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.server.observing.test_metrics import record, vars_of

    monkeypatch.setattr(tracing, "SWEEP_EVERY", 10)
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observer = Tracing(provider, lambda: 5_000_000_000)
    decision = Decision(action=Action.ASK, rule="r")
    for number in range(25):
        row = record("x")
        observer.decided(type(row)(**{**vars_of(row), "rid": str(number)}), decision)
        observer.tidy(lambda rid: rid == "0")
    assert len(observer._open) <= 10
    assert len(exporter.get_finished_spans()) >= 15
    observer.close()
    assert len(exporter.get_finished_spans()) == 25


# The environment


async def start_error(folder: Path) -> str:
    with pytest.raises(DocumentError) as caught, anyio.fail_after(BOUND_S):
        async with gateway_of(folder):
            pass
    assert str(caught.value).startswith("config: tracing.enabled: ")
    return str(caught.value)


async def test_an_exporter_that_is_not_installed_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
    text = await start_error(tmp_path)
    assert "no exporter 'carrier-pigeon' here: pip install opentelemetry-exporter-otlp" in text


async def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "agentgate_server.observing.tracing", None)
    assert NO_OPENTELEMETRY in await start_error(tmp_path)


def test_the_environment_says_where_spans_go_and_whose_they_are() -> None:
    script = (
        "from agentgate_server.observing.tracing import provider_of_environment\n"
        "provider = provider_of_environment()\n"
        "provider.get_tracer('x').start_span('hello').end()\n"
        "provider.shutdown()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env={"PYTHONPATH": ":".join(sys.path), "OTEL_TRACES_EXPORTER": "console"},
    )
    assert done.returncode == 0, done.stderr
    assert '"name": "hello"' in done.stdout
    assert '"service.name": "agent-gate"' in done.stdout


def test_the_name_of_the_service_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "porch")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "site=home")
    attributes = tracing.provider_of_environment().resource.attributes
    assert (attributes["service.name"], attributes["site"]) == ("porch", "home")
