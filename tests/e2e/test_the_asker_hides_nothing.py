"""What an agent asks for is seen by whoever decides, on each channel, and kept in the audit,
whatever else it puts beside it to have it masked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.cli.support import at_terminal
from tests.server.embedded import AGENT, BOUND_S, OPERATOR, OWNER, config, http, until

from agentgate_cli.standins.home_assistant import HomeAssistant
from agentgate_cli.standins.telegram import EXAMPLE_BOT, TelegramStandIn
from agentgate_client import AgentGateClient, ApprovalsClient, GrantTerms
from agentgate_proto.audit.sealing import SEALED
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_server import tool
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.store.audit_rows import seal_of

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Telegram's library knows no other loop."""
    return "asyncio"


ANN = 4242
HA_TOKEN = "long-lived-token-0123456789"
ASK_ALL = 'rules: [{tool: log_event, action: allow}]\ndefaults: [{pattern: "*", action: ask}]'
MASKS = {"code": "lock.front", "pin": "unlock", "password": "lock"}
UNLOCK = {"domain": "lock", "service": "unlock", "entity_id": "lock.front"}
CODED = {**UNLOCK, "code": "lock.front"}
REPEATED = "the hidden 'code' repeats what stands in 'entity_id'"
EQUALS = "a part of 'to' is hidden because it equals a secret of the gateway's own configuration"


@tool
def transfer(to: str, amount: int, pin: str = "") -> str:
    return f"sent {amount} to {to}"


@tool
def log_event(fields: dict[str, Any]) -> str:
    return "logged"


class World:
    """A house, a telephone, and the gateway before them."""

    def __init__(self, gateway: Gateway, telegram: TelegramStandIn, house: HomeAssistant) -> None:
        self.gateway = gateway
        self.telegram = telegram
        self.house = house

    async def waiting(self) -> dict[str, Any]:
        """The approval that waits, by HTTP."""
        await until(self.gateway.gate.desk.waiting, "an ask")
        _, _, body = await http(self.gateway, "GET", "/api/approvals", token=OWNER)
        (view,) = body["approvals"]
        found: dict[str, Any] = view
        return found

    async def message(self) -> str:
        """What the telephone shows."""
        found = await until(lambda: list(self.telegram.chats.with_buttons(ANN)), "a message")
        text: str = found[-1].text
        return text

    async def answer(self, rid: str, decision: str) -> None:
        body = {"decision": decision}
        await http(self.gateway, "POST", f"/api/approvals/{rid}", token=OWNER, body=body)

    async def at_the_terminal(self, *texts: str) -> str:
        """Watch at a terminal until these texts were seen; return all that it showed."""

        def work() -> str:
            variables = {"AGENT_GATE_URL": self.gateway.url, "AGENT_GATE_TOKEN": OWNER}
            with at_terminal("approvals", "watch", COLUMNS="500", **variables) as terminal:
                for text in texts:
                    terminal.see(text)
                return terminal.shown

        return await anyio.to_thread.run_sync(work)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    async with HomeAssistant(token=HA_TOKEN) as house, TelegramStandIn() as telegram:
        telegram.chats.add_person(ANN, "Ann")
        bot = {"token": EXAMPLE_BOT, "chat_id": ANN, "allowed_users": [ANN]}
        made = Gateway(
            config(
                folder,
                services={"homeassistant": {"url": house.url, "token": HA_TOKEN}},
                messenger={"type": "telegram", "telegram": {**bot, "base_url": telegram.url}},
            ),
            tools=[transfer, log_event],
            policy=Policy.parse(ASK_ALL),
        )
        with anyio.fail_after(3 * BOUND_S):
            async with made as gateway:
                yield World(gateway, telegram, house)


@asynccontextmanager
async def asking(gate: World, tool: str, args: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Have an agent ask, and a person say no in the end."""
    async with AgentGateClient(gate.gateway.url, AGENT) as client, anyio.create_task_group() as tg:

        async def call() -> None:
            with pytest.raises(Exception, match="Denied"):
                await client.tool_request(tool, **args)

        tg.start_soon(call)
        view = await gate.waiting()
        yield view
        await gate.answer(view["id"], "deny")


def audited(folder: Path, event: str = "request.asked") -> list[dict[str, Any]]:
    with AuditFile(folder / "gate.db") as file, file.snapshot():
        entries = [json.loads(line) for line in file.lines()]
    return [entry for entry in entries if entry["event"] == event]


async def test_the_door_is_seen_whatever_the_code_is(tmp_path: Path) -> None:
    async with world(tmp_path) as gate, asking(gate, "ha_call_service", CODED) as view:
        assert view["signature"] == "ha_call_service(lock.unlock, lock.front)"
        assert view["args"] == {**UNLOCK, "code": "•••"}
        assert view["warning"] == REPEATED
        text = await gate.message()
        for line in (
            "ha_call_service(lock.unlock, lock.front)",
            'domain: "lock"\nservice: "unlock"\nentity_id: "lock.front"\ncode: "•••"',
            f"Warning: {REPEATED}",
        ):
            assert line in text
        await gate.at_the_terminal(
            *('domain = "lock"', 'service = "unlock"', 'entity_id = "lock.front"', 'code = "•••"'),
            *("warning", REPEATED),
        )
        async with ApprovalsClient(gate.gateway.url, OWNER) as people:
            (native,) = await people.list()
            assert (native.signature, native.warning) == (view["signature"], REPEATED)
            words = await people.preview_grant(native.id, GrantTerms(minutes=5, uses=2))
            assert 'code="•••", domain=lock, entity_id=lock.front, service=unlock' in words
            assert words.endswith(f", at most 2 times; {REPEATED}")
        async with AgentGateClient(gate.gateway.url, OPERATOR) as operator:
            (row,) = await operator.list_requests()
            assert row["signature"] == view["signature"]
            assert row["args"] == view["args"]


async def test_what_was_approved_ran_and_the_audit_can_prove_it(tmp_path: Path) -> None:
    async with world(tmp_path) as gate:
        args = {**UNLOCK, **MASKS}
        async with AgentGateClient(gate.gateway.url, AGENT) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.tool_request("ha_call_service", **args))
                view = await gate.waiting()
                await gate.answer(view["id"], "approve")
            logged = {"fields": {"secret": ["lock.front", 7], "door": "lock.front"}}
            await client.tool_request("log_event", **logged)
        assert [(act.name, act.data["entity_id"]) for act in gate.house.acts] == [
            ("lock.unlock", "lock.front")
        ]
    (entry,) = audited(tmp_path)
    assert entry["args"] == {**UNLOCK, **dict.fromkeys(MASKS, "•••")}
    assert entry["warning"] == view["warning"]
    (started,) = [row for row in audited(tmp_path, "request.started") if row["tool"] == "log_event"]
    assert started["args"] == {"fields": {"secret": ["•••", "•••"], "door": "lock.front"}}
    with AuditFile(tmp_path / "gate.db") as file:
        seal = seal_of(file.connection)
    for row, asked in ((entry, args), (started, logged)):
        exact = canonical_args(asked)
        assert row["digest"].startswith(SEALED)
        assert digest_of(row["tool"], exact) not in json.dumps(row)
        assert seal.is_request(row["rid"], row["digest"], row["tool"], exact)
    assert entry["masked"] == {
        f"/{name}": seal.of_value(entry["rid"], f"/{name}", canonical_args(value))
        for name, value in MASKS.items()
    }
    assert list(started["masked"]) == ["/fields/secret/0", "/fields/secret/1"]


@pytest.mark.parametrize(
    ("args", "signature", "warning"),
    [
        (
            {"to": "mallory", "amount": 9500, "pin": "mallory"},
            "transfer(9500, •••, mallory)",
            "the hidden 'pin' repeats what stands in 'to'",
        ),
        (
            {"to": "mallory", "amount": 9500, "pin": "9500"},
            "transfer(9500, •••, mallory)",
            "the hidden 'pin' repeats what stands in 'amount'",
        ),
        ({"to": "bob", "amount": 5, "pin": "4711"}, "transfer(5, •••, bob)", ""),
        ({"to": f"a {HA_TOKEN}", "amount": 5, "pin": ""}, 'transfer(5, "", a •••)', EQUALS),
    ],
)
async def test_where_the_money_goes_is_seen_or_that_it_is_not(
    tmp_path: Path, args: dict[str, Any], signature: str, warning: str
) -> None:
    async with world(tmp_path) as gate, asking(gate, "transfer", args) as view:
        assert view["signature"] == signature
        assert view.get("warning", "").startswith(warning)
        text = await gate.message()
        assert signature in text
        assert f"amount: {args['amount']}\n" in text
        assert (f"Warning: {warning}" in text) is bool(warning)
        told = ("warning", warning) if warning else ()
        seen = await gate.at_the_terminal(f"amount = {args['amount']}", *told, "approve?")
        assert ("warning" in seen) is bool(warning)
        assert HA_TOKEN not in seen + text + json.dumps(view)
