"""Floods and the caps on rows and entries: nothing is taken from what others were promised.

And what an agent takes by what it really does is said.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.foreign import ForeignClient
from tests.e2e.process import OWNER_TOKEN, GatewayProcess, until

EVIL_TOKEN = "evil-token-0123456789abcdef"
ROWS_MAX = 40
FLOOD = 60
CONFIG = {
    "storage": {"path": "gate.db", "keep_rows_max": ROWS_MAX, "denials_per_minute": 1_000},
    "principals": [
        {"name": "owner", "role": "approver", "token": OWNER_TOKEN},
        {"name": "evil", "role": "agent", "token": EVIL_TOKEN},
    ],
}


def rows(gate: GatewayProcess, principal: str, delivered: int) -> int:
    """How many rows of finished requests there are."""
    shell = sqlite3.connect(f"file:{gate.folder / 'gate.db'}?mode=ro", uri=True)
    try:
        sql = "SELECT count(*) FROM requests WHERE principal = ? AND delivered = ?"
        (count,) = shell.execute(sql, (principal, delivered)).fetchone()
        return int(count)
    finally:
        shell.close()


def pay(client: ForeignClient) -> Any:
    params = {"tool": "allowed_write", "args": {"key": "PAY"}, "idempotency_key": "inv-7"}
    return client.call("tool_request", **params)["result"]


def acknowledge(client: ForeignClient, seq: int) -> None:
    client.send({"jsonrpc": "2.0", "method": "ack", "params": {"seq": seq}})


def test_a_flood_of_denied_requests_makes_no_payment_run_again(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, CONFIG) as gate:
        with ForeignClient(gate.url, client_id="honest") as honest:
            paid = pay(honest)
            acknowledge(honest, paid["seq"])
            until(lambda: rows(gate, "agent", delivered=1), "the receipt of the payment")
        with ForeignClient(gate.url, EVIL_TOKEN, "evil") as evil:
            for number in range(FLOOD):
                told = evil.tool("forbidden", key=str(number))
            acknowledge(evil, told["error"]["data"]["seq"])
            until(lambda: rows(gate, "evil", delivered=1) == FLOOD, "the receipts of the flood")
            for number in range(FLOOD):
                evil.tool("forbidden", key=str(number))
            until(lambda: rows(gate, "evil", delivered=0) == FLOOD, "the rest of the flood")

        gate.restart()  # retention is applied at the start
        left = ROWS_MAX - 1  # of the flood; what has just ended may still be collected
        until(lambda: not rows(gate, "evil", delivered=1), "retention")
        assert rows(gate, "evil", delivered=0) >= left

        with ForeignClient(gate.url, client_id="honest", first_id=100) as honest:
            again = pay(honest)
        assert again["data"] == paid["data"]
        assert gate.starts()["allowed_write", "PAY"] == 1


ENTRIES_MAX = 60
AUDITED = {**CONFIG, "storage": {"path": "gate.db"}, "audit": {"keep_entries_max": ENTRIES_MAX}}


def entries(gate: GatewayProcess, event: str) -> list[dict[str, Any]]:
    """What the audit says of such an event."""
    shell = sqlite3.connect(f"file:{gate.folder / 'gate.db'}?mode=ro", uri=True)
    try:
        rows = shell.execute("SELECT lines FROM audit ORDER BY seq").fetchall()
    finally:
        shell.close()
    found = [json.loads(line) for (lines,) in rows for line in lines.split(b"\n")]
    return [entry for entry in found if entry["event"] == event]


def agent_gate(gate: GatewayProcess, *arguments: str) -> str:
    """What the command line says; both of its outputs."""
    command = [sys.executable, "-m", "agentgate_cli", *arguments]
    done = subprocess.run(command, cwd=gate.folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_denials_push_no_deed_out_of_the_audit_and_deeds_that_do_are_told(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, AUDITED) as gate:
        with ForeignClient(gate.url, client_id="honest") as honest:
            pay(honest)
        with ForeignClient(gate.url, EVIL_TOKEN, "evil") as evil:
            evil.tool("allowed_write", key="evil")
            for number in range(100):
                evil.tool("forbidden", key=str(number))
        gate.stop()
        gate.start()  # retention is applied at the start
        began = entries(gate, "request.started")
        assert [entry["agent"] for entry in began] == ["agent", "evil"]
        own = len([e for e in entries(gate, "request.ended") if e.get("decision") == "deny"])
        assert own + sum(e["count"] for e in entries(gate, "requests.denied")) == 100
        assert entries(gate, "audit.dropped") == []
        assert "retention" not in gate.http("/health")[1]

        with ForeignClient(gate.url, EVIL_TOKEN, "evil", first_id=1_000) as evil:
            for number in range(ENTRIES_MAX):
                evil.tool("allowed_write", key=str(number))
        gate.restart()
        cut = until(lambda: entries(gate, "audit.dropped"), "the cut")[-1]
        assert "before their time: audit.keep_entries_max (60) is reached" in cut["detail"]
        assert cut["detail"].endswith("most of what is there is of evil")
        until(lambda: "retention" in gate.http("/health")[1], "the problem")
        said = gate.http("/health")[1]["retention"]
        assert said == "audit.keep_entries_max has cut what should be kept: see the log"
        gate.stop()
        assert "in order" in agent_gate(gate, "audit", "verify")
        found = agent_gate(gate, "check")
        assert "audit.keep_entries_max (60) is reached" in found
        assert "most of what is left is of evil" in found
