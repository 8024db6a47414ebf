"""/metrics: who may read it, and that it counts what really happened, once."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.embedded import (
    AGENT,
    OPERATOR,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)
from tests.server.test_store_failures import Disk

from agent_gate import AgentGateClient
from agentgate_cli.standins.models import ModelServer, Reply, Say
from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.messages import CancelRequest, ToolRequest
from agentgate_server.backends.circuit_breaker import CircuitBreaker
from agentgate_server.gateway import Gateway
from agentgate_server.observing.gauges import Gauges
from agentgate_server.observing.metrics import CAPS_MAX, CHANNELS_MAX, MODELS_MAX, Metrics
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import AsyncTool

pytestmark = pytest.mark.anyio

ON = {"metrics": {"enabled": True}}
OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def samples(text: str) -> dict[str, float]:
    """Every sample as Prometheus reads it: ``name{label="value"}``, the number."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


async def scrape(gateway: Gateway) -> dict[str, float]:
    status, headers, text = await http(gateway, "GET", "/metrics", token=OPERATOR)
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return samples(text)


async def ask(client: RawClient, number: int, tool: str, **args: Any) -> None:
    await client.request(number, "tool_request", ToolRequest(tool=tool, args=args))


async def answered(client: RawClient, number: int) -> Answered:
    answer: Answered = await client.next(Answered)
    assert answer.id == number
    return answer


async def decide(gateway: Gateway, decision: str) -> None:
    (view,) = await until(gateway.gate.desk.waiting, "the approval")
    body = {"decision": decision}
    path = f"/api/approvals/{view.id}"
    assert (await http(gateway, "POST", path, token=OWNER, body=body))[0] == 200


# Who may read


async def test_without_metrics_in_the_configuration_there_are_none(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        status, _, body = await http(gateway, "GET", "/metrics", token=OPERATOR)
    assert (status, body) == (404, {"error": "no metrics here: set metrics.enabled"})


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("wrong-token-0123456789", 401), (AGENT, 403), (OWNER, 403)]
)
async def test_they_are_for_operators(tmp_path: Path, token: str, status: int) -> None:
    async with serving(tmp_path, **ON) as gateway:
        got, headers, body = await http(gateway, "GET", "/metrics", token=token)
    assert got == status
    assert "agentgate_" not in str(body)
    assert (headers.get("www-authenticate") == "bearer") == (status == 401)


async def test_public_ones_need_no_token(tmp_path: Path) -> None:
    async with serving(tmp_path, metrics={"enabled": True, "public": True}) as gateway:
        status, _, text = await http(gateway, "GET", "/metrics")
    assert status == 200
    assert "agentgate_connections" in text


async def test_only_reading_is_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path, **ON) as gateway:
        assert (await http(gateway, "POST", "/metrics", token=OPERATOR))[0] == 405


# What they count


async def test_requests_are_counted_once_by_tool_and_outcome(tmp_path: Path) -> None:
    async with serving(tmp_path, **ON) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in (1, 2, 3):
            await ask(client, number, "echo", text="x")
            await answered(client, number)
        await ask(client, 4, "note", text="x")
        await answered(client, 4)
        await ask(client, 5, "asked", text="x")
        await decide(gateway, "approve")
        await answered(client, 5)
        await ask(client, 6, "asked", text="y")
        await decide(gateway, "deny")
        await answered(client, 6)
        await gateway.gate.writer.flush()
        found = await scrape(gateway)
    counted = {k: v for k, v in found.items() if k.startswith("agentgate_requests_total")}
    assert counted == {
        'agentgate_requests_total{outcome="executed",tool="echo"}': 3,
        'agentgate_requests_total{outcome="executed",tool="note"}': 1,
        'agentgate_requests_total{outcome="executed",tool="asked"}': 1,
        'agentgate_requests_total{outcome="denied",tool="asked"}': 1,
    }
    assert found['agentgate_decisions_total{action="allow"}'] == 4
    assert found['agentgate_decisions_total{action="ask"}'] == 2
    for answer in ("approved", "denied"):
        name = "agentgate_approval_answer_seconds_count"
        assert found[f'{name}{{answer="{answer}",channel="http"}}'] == 1
    assert found["agentgate_store_commit_seconds_count"] >= 4
    assert found["agentgate_store_changes_total"] >= 6


async def test_levels_are_as_they_are_when_somebody_looks(tmp_path: Path) -> None:
    async with serving(tmp_path, **ON) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "asked", text="x")
        await ask(client, 2, "hang")
        await until(lambda: gateway.gate.running.count, "the tool that runs")
        await until(gateway.gate.desk.waiting, "the approval")
        found = await scrape(gateway)
        assert found["agentgate_approvals_waiting"] == 1
        assert found["agentgate_requests_active"] == 2
        assert found["agentgate_tools_running"] == 1
        assert found["agentgate_store_failing"] == 0
        assert found['agentgate_connections{role="agent"}'] == 1
        assert found['agentgate_connections{role="operator"}'] == 0
        assert found['agentgate_channel_failing{channel="terminal"}'] == 0
        assert found["agentgate_providers"] == found["agentgate_provided_tools"] == 0
        assert found["agentgate_grants"] == 0
        await client.request(3, "cancel_request", CancelRequest(request_id=1))
        await answered(client, 1)
        found = await scrape(gateway)
    assert found["agentgate_approvals_waiting"] == 0
    assert found['agentgate_requests_total{outcome="cancelled",tool="asked"}'] == 1


async def test_what_was_not_taken_is_counted_by_reason(tmp_path: Path) -> None:
    limits = {"max_pending_approvals": 1}
    async with serving(tmp_path, rate_limit=limits, **ON) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await ask(client, 1, "no_such_tool")
        await answered(client, 1)
        await ask(client, 2, "echo", wrong=1)
        await answered(client, 2)
        await ask(client, 3, "asked", text="x")
        await ask(client, 4, "asked", text="y")
        await answered(client, 4)
        await http(gateway, "GET", "/api/approvals", token="wrong-token-0123456789")
        found = await scrape(gateway)
    assert found['agentgate_refusals_total{reason="tool_failed"}'] == 1
    assert found['agentgate_refusals_total{reason="invalid_params"}'] == 1
    assert found['agentgate_refusals_total{reason="limit_exceeded"}'] == 1
    assert found["agentgate_login_failures_total"] == 1
    assert not [name for name in found if "no_such_tool" in name]


async def test_runs_and_what_their_models_were_asked_and_cost_are_counted_once(
    tmp_path: Path,
) -> None:
    async with ModelServer() as server:
        server.replies += [Reply(status=529, retry_after="0"), Reply(Say("hello"))]
        model = {"backend": "anthropic", "model": "none", "base_url": server.url}
        models = {"a": {**model, "price": {"input": 1.0, "output": 2.0}}, "b": model}
        sessions = {"default_model": "a", "models": models}
        async with (
            serving(tmp_path, sessions=sessions, **ON) as gateway,
            AgentGateClient(gateway.url, AGENT) as client,
        ):
            session = await client.sessions.create()
            assert [e.kind async for e in session.send("hi")][-1] == "run_ended"
            assert [e.kind async for e in session.send("hi", model="b")][-1] == "run_ended"
            report = await client.sessions.usage()
            found = await scrape(gateway)
    (a,) = [row for row in report.rows if row.key == "a"]
    assert found["agentgate_runs_active"] == 0
    assert found["agentgate_sessions_loaded"] == 1
    assert found['agentgate_runs_total{status="completed"}'] == 2
    ends = {k: v for k, v in found.items() if k.startswith("agentgate_model_requests_total")}
    assert ends == {
        'agentgate_model_requests_total{end="retryable",model="a"}': 1,
        'agentgate_model_requests_total{end="ended",model="a"}': 1,
        'agentgate_model_requests_total{end="ended",model="b"}': 1,
    }
    assert found['agentgate_model_first_token_seconds_count{model="a"}'] == 1
    tokens = 'agentgate_model_tokens_total{{kind="{}",model="a"}}'
    assert found[tokens.format("input")] == a.usage.input > 0
    assert found[tokens.format("output")] == a.usage.output > 0
    assert found['agentgate_model_cost_microdollars_total{model="a"}'] == a.cost_micros > 0
    assert found['agentgate_model_cost_unknown_total{model="b"}'] == 1
    assert 'agentgate_model_cost_microdollars_total{model="b"}' not in found


async def test_an_outcome_that_is_written_again_after_a_full_disk_counts_once(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, **ON) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        disk = Disk(gateway)
        disk.last_commit = True  # the intention to run is written, the outcome is not
        await ask(client, 1, "note", text="x")
        await answered(client, 1)
        found = await scrape(gateway)
        assert found["agentgate_store_failing"] == 1
        assert found["agentgate_store_failures_total"] >= 1
        disk.full = disk.last_commit = False
        await until(lambda: not gateway.gate.ledger.active, "the write to succeed")
        found = await scrape(gateway)
    assert found['agentgate_requests_total{outcome="executed",tool="note"}'] == 1
    assert found["agentgate_store_failing"] == 0


async def test_a_repeat_of_what_has_ended_counts_as_that(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, **ON) as gateway,
        AgentGateClient(gateway.url, AGENT) as client,
    ):
        for _ in range(3):
            assert await client.call("note", {"text": "x"}, join_s=60.0) == "x"
        found = await scrape(gateway)
        assert len(await client.list_requests()) == 3
    assert found['agentgate_requests_total{outcome="executed",tool="note"}'] == 1


async def test_two_gateways_in_a_process_count_each_for_itself(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with (
        serving(tmp_path / "a", **ON) as one,
        serving(tmp_path / "b", **ON) as two,
        raw_client(one) as client,
    ):
        await client.next(Authenticated)
        await ask(client, 1, "echo", text="x")
        await answered(client, 1)
        name = 'agentgate_decisions_total{action="allow"}'
        assert (await scrape(one))[name] == 1
        assert (await scrape(two))[name] == 0


# Bounded


NOTHING = Gauges(
    connections={},
    waiting=0,
    active=0,
    running=0,
    runs=0,
    loaded=0,
    queued=0,
    is_failing=False,
    forgotten=3,
    cut=5,
    is_cutting=True,
    grants=0,
    channels={},
    backends={},
)


def record(tool: str, channel: str = "") -> Record:
    return Record(
        rid="r",
        principal="agent",
        client_id="c",
        request_id=1,
        tool=tool,
        args=b"{}",  # type: ignore[arg-type]
        signature=tool,
        digest="d",
        effects=Effects.READ,
        phase=Phase.DONE,
        created_at=1.0,
        channel=channel,
        outcome=executed(b"1"),
        resolved_at=2.0,
    )


def test_tools_and_channels_that_nobody_knows_share_one_series() -> None:
    metrics = Metrics(["known"], lambda: NOTHING)
    for number in range(100):
        metrics.ended(record(f"gone-{number}"))
        metrics.answered(record("known", channel=f"channel-{number}"))
        metrics.shown(f"channel-{number}")
    metrics.ended(record("known"))
    found = samples(metrics.text().decode())
    assert found['agentgate_requests_total{outcome="executed",tool="other"}'] == 100
    assert found['agentgate_requests_total{outcome="executed",tool="known"}'] == 1
    answers = [k for k in found if k.startswith("agentgate_approval_answer_seconds_count")]
    assert len(answers) == CHANNELS_MAX + 1
    shown = {k: v for k, v in found.items() if k.startswith("agentgate_channel_deliveries_total")}
    assert len(shown) == CHANNELS_MAX + 1
    assert sum(shown.values()) == 100


def test_what_retention_cuts_is_counted() -> None:
    found = samples(Metrics([], lambda: NOTHING).text().decode())
    assert found["agentgate_store_forgotten_total"] == 3
    assert found["agentgate_audit_cut_total"] == 5
    assert found["agentgate_store_cutting"] == 1


def test_models_that_are_too_many_share_one_series() -> None:
    metrics = Metrics([], lambda: NOTHING)
    for number in range(MODELS_MAX + 5):
        metrics.model_asked(f"model-{number}", "ended", 0.1)
    found = samples(metrics.text().decode())
    asked = {k: v for k, v in found.items() if k.startswith("agentgate_model_requests_total")}
    assert len(asked) == MODELS_MAX + 1
    assert asked['agentgate_model_requests_total{end="ended",model="other"}'] == 5


def test_a_backend_is_left_alone_while_any_of_its_circuits_is_open() -> None:
    reads, writes, other = (CircuitBreaker(name, failures_max=1) for name in ("a", "a", "b"))
    tools = Catalogue([Backed("x", [reads, writes]), Backed("y", [reads]), Backed("z", [other])])
    assert tools.backends() == {"a": False, "b": False}
    writes.failed(writes.admit(0.0), 0.0, "no answer")
    metrics = Metrics([], lambda: dataclasses.replace(NOTHING, backends=tools.backends()))
    found = samples(metrics.text().decode())
    assert found['agentgate_circuit_open{backend="a"}'] == 1
    assert found['agentgate_circuit_open{backend="b"}'] == 0


class Backed(AsyncTool):
    """A tool with circuits."""

    def __init__(self, name: str, circuits: list[CircuitBreaker]) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_circuits", tuple(circuits))

    @property
    def circuits(self) -> tuple[CircuitBreaker, ...]:
        return self._circuits

    def check(self, args: dict[str, Any]) -> None:
        raise NotImplementedError

    async def run(self, args: dict[str, Any]) -> Any:
        raise NotImplementedError


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    metrics = Metrics([], lambda: NOTHING)
    late = record("x", channel="http")
    metrics.answered(type(late)(**{**vars_of(late), "created_at": 10.0}))
    found = samples(metrics.text().decode())
    assert found['agentgate_approval_answer_seconds_sum{answer="approved",channel="http"}'] == 0


def vars_of(row: Record) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_every_reason_is_a_name_of_the_table_of_errors() -> None:
    metrics = Metrics([], lambda: NOTHING)
    for code in ErrorCode:
        metrics.refused("agent", "", code)
    found = samples(metrics.text().decode())
    assert len([k for k in found if k.startswith("agentgate_refusals_total")]) == len(ErrorCode)


def test_caps_are_counted_by_their_names_and_those_without_end_together() -> None:
    metrics = Metrics([], lambda: NOTHING)
    for number in range(2 * CAPS_MAX):
        metrics.capped("agent", f"cap-{number}")
    metrics.capped("other", "cap-0")
    found = samples(metrics.text().decode())
    assert found['agentgate_capped_total{cap="cap-0"}'] == 2
    assert found['agentgate_capped_total{cap="other"}'] == CAPS_MAX


# Told as it is


def test_the_table_of_operations_md_names_every_metric_and_no_other() -> None:
    everything = dataclasses.replace(NOTHING, certificate_ends_at=1.0, disk_free=1)
    metrics = Metrics([], lambda: everything)
    families = text_string_to_metric_families(metrics.text().decode())
    ours = {f.name for f in families if f.name.startswith("agentgate_")}
    ours = {name for name in ours if not name.endswith("_created")}
    told = set(re.findall(r"^\| `(agentgate_\w+)`", OPERATIONS.read_text("utf-8"), re.MULTILINE))
    assert {name.removesuffix("_total").removesuffix("_info") for name in told} == {
        name.removesuffix("_info") for name in ours
    }


def test_a_gateway_without_metrics_and_traces_does_not_load_their_libraries() -> None:
    script = (
        "import sys\nfrom agentgate_server.gateway import Gateway\n"
        "sys.exit(len({'prometheus_client', 'opentelemetry'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
