"""Reloading: what was mended counts at once, what is broken changes nothing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import (
    AGENT,
    BOUND_S,
    OPERATOR,
    OWNER,
    asked,
    config,
    echo,
    http,
    serving,
    until,
)

from agentgate_cli.standins.home_assistant import HomeAssistant as StandIn
from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient, ErrorCode
from agentgate_proto.principal import Role
from agentgate_proto.rpc.messages import ReloadReport
from agentgate_server.config import Config
from agentgate_server.gate.reloading import Reloader
from agentgate_server.gateway import Gateway
from agentgate_server.identity.token_file import StoredToken, TokenFile
from agentgate_server.identity.tokens import hash_token

pytestmark = pytest.mark.anyio

ALLOW = 'rules:\n  - {pattern: "*", action: allow}\n'
DENY = 'rules:\n  - {pattern: "*", action: deny}\n'


class World:
    """A gateway whose policy and configuration a test may change under it."""

    def __init__(self, folder: Path) -> None:
        self.policy = folder / "permissions.yaml"
        self.policy.write_text(ALLOW)
        self.folder = folder
        self.changes: dict[str, Any] = {"permissions": str(self.policy)}
        self.gateway: Gateway
        self.told: list[str] = []

    def config(self) -> Config:
        return config(self.folder, **self.changes)

    async def reload(self) -> ReloadReport:
        async with ApprovalsClient(self.gateway.url, OPERATOR) as operator:
            return await operator.reload()

    async def call(self, token: str = AGENT, text: str = "x") -> Any:
        async with AgentGateClient(self.gateway.url, token) as client:
            return await client.call("echo", {"text": text})


@asynccontextmanager
async def world(folder: Path, *, strict: bool = False) -> AsyncIterator[World]:
    this = World(folder)
    this.gateway = Gateway(this.config(), tools=[echo, asked], load=this.config, strict=strict)
    with anyio.fail_after(BOUND_S):
        async with this.gateway:
            yield this


@asynccontextmanager
async def waiting(this: World) -> AsyncIterator[str]:
    """While an ask of an agent waits for people: the approval's id."""
    async with (
        AgentGateClient(this.gateway.url, AGENT) as agent,
        anyio.create_task_group() as tasks,
    ):
        told: list[str] = []

        async def call() -> None:
            try:
                told.append(str(await agent.call("echo", {"text": "x"})))
            except AgentGateError as error:
                told.append(str(error))

        tasks.start_soon(call)
        await until(lambda: bool(this.gateway.gate.ledger.waiting), "it waits")
        (record,) = this.gateway.gate.ledger.waiting
        this.told = told
        yield record.rid


ASK = 'rules:\n  - {pattern: "*", action: ask}\n'


async def test_a_stricter_policy_ends_what_waits_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text(ASK)
        await this.reload()
        async with waiting(this) as rid:
            this.policy.write_text("rules: [{tool: echo, action: deny, description: after hours}]")
            await this.reload()
            await until(lambda: bool(this.told), "it is told")
            assert this.told == ["Denied by policy: after hours (-32003)"]
            async with ApprovalsClient(this.gateway.url, OWNER) as owner:
                with pytest.raises(AgentGateError, match="after hours"):
                    await owner.decide(rid, "approve")


async def test_what_a_stricter_policy_demands_counts_for_what_waits(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text(ASK)
        await this.reload()
        async with waiting(this) as rid:
            more = "rules: [{tool: echo, action: ask, approval: {code: true}}]"
            this.policy.write_text(more)
            await this.reload()
            await until(
                lambda: this.gateway.gate.ledger.waiting[0].needs_code, "a code is demanded"
            )
            async with ApprovalsClient(this.gateway.url, OWNER) as owner:
                with pytest.raises(AgentGateError) as refused:
                    await owner.decide(rid, "approve")
                assert refused.value.code == ErrorCode.CODE_NEEDED
                await owner.decide(rid, "deny")
            await until(lambda: bool(this.told), "it is told")


async def test_a_policy_that_fails_holds_a_yes_back_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text(ASK)
        await this.reload()
        async with waiting(this) as rid:

            def fails(**_: Any) -> None:
                raise RuntimeError("a bug")

            async with ApprovalsClient(this.gateway.url, OWNER) as owner:
                with monkeypatch.context() as patched:
                    patched.setattr(this.gateway.gate.judge.policy, "decide", fails)
                    with pytest.raises(AgentGateError, match="the policy failed") as refused:
                        await owner.decide(rid, "approve")
                    assert refused.value.code == ErrorCode.DENIED_BY_POLICY
                await owner.decide(rid, "approve")
            await until(lambda: this.told == ["x"], "it ran")


async def test_a_new_policy_decides_what_comes_next(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        assert await this.call() == "x"
        this.policy.write_text(DENY)
        report = await this.reload()
        assert (report.status, report.policy, report.rules) == ("reloaded", "permissions.yaml", 1)
        assert report.digest == sha256(DENY.encode()).hexdigest()
        with pytest.raises(AgentGateError, match="policy"):
            await this.call()


async def test_a_broken_policy_leaves_the_old_one_in_force_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text("rules:\n  - {tool: x, action: dney}\n  - {tool: y}\n")
        report = await this.reload()
        assert (report.status, report.rules) == ("refused", 1)
        assert report.digest == sha256(ALLOW.encode()).hexdigest()
        assert [error.partition(": rules")[0] for error in report.errors] == [
            f"{this.policy}:2",
            f"{this.policy}:3",
        ]
        logged = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert len(logged) == 2
        assert "what was in force stays in force" in logged[0].getMessage()
        assert await this.call() == "x"
        status, _, body = await http(this.gateway, "GET", "/health")
        assert status == 200
        assert body["policy"] == "the last reload failed: what was in force before is in force"
        this.policy.write_text(ALLOW)
        assert (await this.reload()).status == "reloaded"
        _, _, body = await http(this.gateway, "GET", "/health")
        assert body["policy"] == "ok"


async def test_a_rule_about_no_tool_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text("rules:\n  - {tool: ehco, action: deny}\n")
        report = await this.reload()
        (warning,) = report.warnings
        assert warning.endswith('"ehco" is about no known tool; did you mean echo?')
        assert warning in caplog.text


DEMANDING = """
rules:
  - {tool: echo, action: ask, approval: {approvers: 3}}
  - {tool: asked, action: ask, approval: {code: true}}
  - {tool: asked, args: {text: "*"}, action: ask}
"""


async def test_what_check_calls_an_error_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text(DEMANDING)
        report = await this.reload()
        assert report.status == "reloaded"
        assert [each.removeprefix(f"{this.policy}:")[:40] for each in report.warnings] == [
            "3: needs 3 people to say yes and has 2: ",
            "4: needs 1 with one-time codes and has 0",
        ]
        assert all(each in caplog.text for each in report.warnings)


async def test_a_strict_gateway_refuses_it(tmp_path: Path) -> None:
    async with world(tmp_path, strict=True) as this:
        this.policy.write_text(DEMANDING)
        report = await this.reload()
        assert (report.status, len(report.errors), report.rules) == ("refused", 2, 1)
        assert report.errors[0].startswith(f"{this.policy}:3: needs 3 people")
        assert await this.call() == "x"


async def test_only_an_operator_may_reload(tmp_path: Path) -> None:
    async with world(tmp_path) as this, ApprovalsClient(this.gateway.url, OWNER) as owner:
        with pytest.raises(AgentGateError) as caught:
            await owner.reload()
        assert caught.value.code == ErrorCode.FORBIDDEN


async def test_principals_of_the_configuration_come_and_go(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        this.changes["principals"] = [{"name": "garden", "role": "agent", "token": "g" * 20}]
        with pytest.raises(AgentGateError, match="Invalid token"):
            await this.call("g" * 20)
        assert (await this.reload()).principals == 4
        assert await this.call("g" * 20) == "x"
        async with AgentGateClient(this.gateway.url, "g" * 20, max_retries=1) as client:
            del this.changes["principals"]
            await this.reload()
            with pytest.raises(AgentGateError):
                await client.call("asked", {"text": "x"})


async def test_who_has_another_role_by_now_finds_nothing_of_theirs_to_answer(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as this:
        token = "g" * 20
        this.policy.write_text('rules:\n  - {pattern: "*", action: ask}\n')
        this.changes["principals"] = [{"name": "garden", "role": "agent", "token": token}]
        await this.reload()
        async with (
            ApprovalsClient(this.gateway.url, OWNER) as owner,
            AgentGateClient(this.gateway.url, token, 0) as client,
        ):
            session = await client.sessions.create()
            stream = session.send('call asked {"text": "x"}')
            while (await anext(stream)).kind != "approval":
                pass
            assert len(await owner.list()) == 1
            this.changes["principals"][0]["role"] = "approver"
            await this.reload()
            async with AgentGateClient(this.gateway.url, OPERATOR) as operator:
                found = await operator.sessions.get(session.id)
                while found.view.run:  # bounded by the gateway's fail_after
                    await anyio.sleep(0.002)
                    await found.refresh()
            assert await owner.list() == []
            await stream.aclose()


async def test_a_configuration_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        this.policy.write_text(DENY)
        this.changes["aproval_timeout"] = 3
        report = await this.reload()
        assert report.status == "refused"
        assert "did you mean 'approval_timeout'?" in report.errors[0]
        assert await this.call() == "x"


async def test_a_name_that_is_in_the_token_file_as_well_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        at = "2026-11-20T10:00:00.000Z"
        garden = {"name": "garden", "role": Role.AGENT, "token_hash": hash_token("other")}
        TokenFile(tmp_path / "tokens.json").add(StoredToken(**garden, created_at=at))
        this.changes["principals"] = [{"name": "garden", "role": "agent", "token": "g" * 20}]
        report = await this.reload()
        assert report.status == "refused"
        assert "two principals are called 'garden'" in report.errors[0]
        assert await this.call("other") == "x"


async def test_what_needs_a_restart_is_told_each_time(tmp_path: Path) -> None:
    async with world(tmp_path) as this:
        this.changes |= {"gateway": {"connections_max": 7}, "approval_timeout": 5}
        for _ in range(2):
            report = await this.reload()
            assert report.status == "reloaded"
            assert set(report.restart) == {"gateway.connections_max", "approval_timeout"}


async def test_counts_go_on_where_a_rule_is_unchanged(tmp_path: Path) -> None:
    def rated(count: int) -> str:
        return f"rules:\n  - {{tool: echo, rate: {count}/hour, action: allow}}\ndefaults:\n"

    rest = '  - {tool: echo, action: deny, description: "enough"}\n'
    async with world(tmp_path) as this:
        this.policy.write_text(rated(2) + rest)
        await this.reload()
        assert [await this.call(text=str(n)) for n in range(2)] == ["0", "1"]
        this.policy.write_text("# moved down\n" + rated(2) + rest)
        await this.reload()
        with pytest.raises(AgentGateError, match="enough"):
            await this.call(text="2")
        this.policy.write_text(rated(3) + rest)
        await this.reload()
        assert await this.call(text="3") == "3"


async def test_a_new_policy_knows_the_house_as_well(tmp_path: Path) -> None:
    token = "long-lived-token-0123456789"
    with anyio.fail_after(BOUND_S):
        async with StandIn(token=token) as home:
            this = World(tmp_path)
            this.changes["services"] = {"homeassistant": {"url": home.url, "token": token}}
            async with Gateway(this.config(), load=this.config) as gateway:

                def hall() -> bool:
                    house = gateway.gate.judge.policy.resolver
                    return house is not None and bool(house("area_id", "hall"))

                await until(hall, "the house")
                before = gateway.gate.judge.policy
                assert (await gateway.reload()).status == "reloaded"
                assert gateway.gate.judge.policy is not before
                assert hall()


async def test_a_reload_that_breaks_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> Config:
        raise RuntimeError("a bug")

    async with world(tmp_path) as this:
        this.gateway.gate.reloader = replaced(this, fails)
        with pytest.raises(AgentGateError, match="the gateway's log says how"):
            await this.reload()
        assert "a bug" in caplog.text
        assert await this.call() == "x"


def replaced(this: World, load: Callable[[], Config]) -> Reloader:
    gate = this.gateway.gate
    return Reloader(
        this.config(),
        load,
        None,
        lambda *_: [],
        lambda: ([], []),
        judge=gate.judge,
        authenticator=gate.authenticator,
        agents=gate.agents,
        codes=gate.desk.codes,
        masker=this.gateway.masker,
        audit=gate.audit,
        judge_again=gate.judge_again,
    )


async def test_a_gateway_in_a_program_keeps_what_it_was_given(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        before = gateway.gate.judge.policy
        report = await gateway.reload()
        assert (report.status, report.restart) == ("reloaded", ())
        assert gateway.gate.judge.policy is before
