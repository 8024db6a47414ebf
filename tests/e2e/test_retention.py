"""Floods and the cap on rows: what is denied takes nothing from what others were promised."""

from __future__ import annotations

import sqlite3
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
