"""The hard tests, part B, where the person changes what they say yes to: what ran is what was
approved, once, and its agent, the people and the audit are told the same.

The gateway is a real process that is killed for real; people answer over HTTP and WebSocket.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.cutting import RESET
from tests.e2e.foreign import ForeignClient
from tests.e2e.process import OWNER_TOKEN, PERMISSIONS, SECOND_TOKEN, GatewayProcess, until

from agentgate_server.audit.audit_file import AuditFile

ASKED, MADE = "as asked", "as edited"
EDIT: dict[str, Any] = {"edit": {"set": {"key": MADE}}, "word": "rather so"}
CHANGES = [f'key: "{ASKED}" → "{MADE}"']
ROUNDS = 20


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path) as gateway:
        yield gateway


def life(gate: GatewayProcess, rid: str) -> dict[str, dict[str, Any]]:
    """What the audit, which must be in order, says of a request: its entries by their events."""
    with AuditFile(gate.folder / "gate.db") as file:
        assert file.verify().broken is None
        with file.snapshot():
            entries = [json.loads(line) for line in file.lines()]
    found = [entry for entry in entries if entry.get("rid") == rid]
    by_event = {entry["event"]: entry for entry in found}
    assert len(by_event) == len(found), "no step is told twice"
    return by_event


def check_audited(gate: GatewayProcess, rid: str, asked: str, made: str = "") -> None:
    """The audit says of a request what was asked, what a person has made of it, and who."""
    told = life(gate, rid)
    assert told["request.asked"]["args"] == {"key": asked}
    assert told["request.approved"]["approver"] in ("owner", "second")
    assert ("request.edited" in told) is bool(made)
    if made:
        edited = told["request.edited"]
        assert (edited["asked_args"], edited["args"]) == ({"key": asked}, {"key": made})
        assert edited["asked_digest"] == told["request.asked"]["digest"] != edited["digest"]
        assert edited["approver"] == told["request.approved"]["approver"]
        assert edited["seq"] + 1 == told["request.approved"]["seq"]


@pytest.mark.torture("B2", "B3")
@pytest.mark.parametrize("step", ["answered", "approved", "running", "done", "delivered"])
def test_the_gateway_is_killed_at_each_step_of_an_edit(tmp_path: Path, step: str) -> None:
    gate = GatewayProcess(tmp_path)
    gate.start(step, 1)
    try:
        client = ForeignClient(gate.url, client_id="b2")
        asked = client.ask("asked_write", key=ASKED)
        (approval,) = gate.wait_for_approvals()
        with suppress(OSError, HTTPException):  # it may die before it has said what came of it
            gate.decide(approval["id"], "approve", **EDIT)
        if step == "delivered":
            ack = {"seq": client.receive()["result"]["seq"]}
            client.send({"jsonrpc": "2.0", "method": "ack", "params": ack})
        gate.wait()
        client.close()
        gate.start()
        waiting = gate.approvals()
        assert waiting == ([approval] if step == "answered" else [])
        code, view = gate.decide(approval["id"], "approve", SECOND_TOKEN, **EDIT)
        assert code == (200 if waiting else 409), "the first that was written has won"
        view = view if code == 200 else view["approval"]
        assert (view["status"], view["changes"]) == ("approved", CHANGES)
        assert view["decided_by"] == ("second" if waiting else "owner")
        with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
            row = again.outcome_of(asked)
        told = row if row["status"] == "executed" else row["error"].get("data", row)
        assert (told["word"], told["edited"]) == ("rather so", {"key": MADE})
        assert gate.starts()["asked_write", ASKED] == 0
        starts = gate.starts()["asked_write", MADE]
        if row["status"] == "executed":
            assert (row["data"], starts) == (f"wrote {MADE}", 1)
        else:
            assert (step, row["status"]) == ("running", "unknown")
            assert starts <= 1
        check_audited(gate, approval["id"], ASKED, MADE)
    finally:
        gate.kill()


@pytest.mark.torture("B3")
def test_what_may_have_run_as_edited_is_asked_about_before_it_runs_again(tmp_path: Path) -> None:
    ask_slow = {**PERMISSIONS, "rules": [{"pattern": "allowed_write*", "action": "allow"}]}
    with GatewayProcess(tmp_path, permissions=ask_slow) as gate:
        client = ForeignClient(gate.url, client_id="b3")
        client.ask("slow_write", key=ASKED, seconds=30.0)
        (approval,) = gate.wait_for_approvals()
        assert gate.decide(approval["id"], "approve", edit={"set": {"key": MADE}})[0] == 200
        until(lambda: gate.starts()["slow_write", MADE], "the tool to start")
        gate.restart()
        client.close()
        with ForeignClient(gate.url, client_id="b3", first_id=50) as again:
            for key in (ASKED, MADE):
                fresh = again.ask("slow_write", key=key, seconds=30.0)
                (approval,) = gate.wait_for_approvals()
                assert "may already have run" in approval["warning"]
                gate.decide(approval["id"], "deny")
                while again.receive()["id"] != fresh:
                    pass  # the first request's outcome comes as well
        assert gate.starts() == {("slow_write", MADE): 1}


@pytest.mark.torture("B4", "B5")
def test_an_edit_whose_connection_is_cut_is_repeated_and_has_one_winner(
    gate: GatewayProcess,
) -> None:
    with ForeignClient(gate.url, client_id="b5") as client:
        for number in range(ROUNDS):
            asked, made = f"{ASKED} {number}", f"{MADE} {number}"
            edit = {"set": {"key": made}}
            answer: dict[str, Any] = {"decision": "approve", "edit": edit, "word": "so"}
            client.ask("asked_write", key=asked)
            (approval,) = gate.wait_for_approvals()
            if number % 2:
                post_and_reset(gate, approval["id"], answer, number / (ROUNDS - 1))
            else:
                with ForeignClient(gate.url, OWNER_TOKEN) as person:
                    params = {"id": approval["id"], **answer}
                    call = {"jsonrpc": "2.0", "id": 1, "method": "decide_approval"}
                    person.send({**call, "params": params})
                    person.drop()
            code, view = gate.decide(approval["id"], **answer)
            assert code in (200, 409)
            view = view if code == 200 else view["approval"]
            assert view["changes"] == [f'key: "{asked}" → "{made}"']
            result = client.receive()["result"]
            assert (result["data"], result["edited"]) == (f"wrote {made}", {"key": made})
            assert gate.starts()["asked_write", made] == 1
            assert gate.starts()["asked_write", asked] == 0
            check_audited(gate, approval["id"], asked, made)


def post_and_reset(gate: GatewayProcess, rid: str, answer: Any, part: float) -> None:
    """Send this part of an answer over HTTP, and break the connection."""
    body = json.dumps(answer).encode()
    head = (
        f"POST /api/approvals/{rid} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {OWNER_TOKEN}"
        f"\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    sent = head.encode() + body
    with socket.create_connection(("127.0.0.1", gate.port)) as connection:
        connection.sendall(sent[: int(len(sent) * part)])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


@pytest.mark.torture("B5")
def test_an_edit_and_a_yes_at_once_have_one_winner_and_everybody_hears_the_truth(
    gate: GatewayProcess,
) -> None:
    with (
        ForeignClient(gate.url, client_id="b5") as client,
        ThreadPoolExecutor(2) as pool,
    ):
        for number in range(ROUNDS):
            asked, made = f"{ASKED} {number}", f"{MADE} {number}"
            client.ask("asked_write", key=asked)
            (approval,) = gate.wait_for_approvals()
            barrier = threading.Barrier(2)

            def say(token: str, more: Any, rid: str = approval["id"], at: Any = barrier) -> Any:
                at.wait()
                return gate.decide(rid, "approve", token, **more)

            edit = {"edit": {"set": {"key": made}}}
            people: tuple[tuple[str, Any], ...] = ((OWNER_TOKEN, edit), (SECOND_TOKEN, {}))
            answers = [future.result() for future in [pool.submit(say, *who) for who in people]]
            assert sorted(code for code, _ in answers) == [200, 409]
            is_edited = answers[0][0] == 200
            for code, body in answers:
                view = body if code == 200 else body["approval"]
                assert view["decided_by"] == ("owner" if is_edited else "second")
                assert bool(view.get("changes")) is is_edited
            result = client.receive()["result"]
            ran = made if is_edited else asked
            assert result["data"] == f"wrote {ran}"
            assert result.get("edited") == ({"key": made} if is_edited else None)
            assert gate.starts()["asked_write", ran] == 1
            assert gate.starts()["asked_write", asked if is_edited else made] == 0
            check_audited(gate, approval["id"], asked, made if is_edited else "")


@pytest.mark.torture("B1")
@pytest.mark.parametrize("politely", [True, False], ids=["clean close", "cut"])
@pytest.mark.parametrize("client_id", ["", "torture"], ids=["old client", "named client"])
def test_the_client_is_gone_when_the_person_edits(
    gate: GatewayProcess, politely: bool, client_id: str
) -> None:
    client = ForeignClient(gate.url, client_id=client_id)
    asked = client.ask("asked_write", key=ASKED)
    (approval,) = gate.wait_for_approvals()
    if politely:
        client.close()
    else:
        client.drop()
    assert gate.decide(approval["id"], "approve", **EDIT)[0] == 200
    until(lambda: gate.starts()["asked_write", MADE], "the tool to run")
    with ForeignClient(gate.url, client_id=client_id, first_id=50) as again:
        row = again.outcome_of(asked)
    assert (row["status"], row["data"]) == ("executed", f"wrote {MADE}")
    told = {name: row[name] for name in ("word", "edited") if name in row}
    is_old = not client_id
    assert told == ({} if is_old else {"word": "rather so", "edited": {"key": MADE}})
    assert gate.starts() == {("asked_write", MADE): 1}
    check_audited(gate, approval["id"], ASKED, MADE)


@pytest.mark.torture("B2", "B8")
def test_an_edit_that_policy_denies_leaves_what_was_asked_waiting_over_a_restart(
    tmp_path: Path,
) -> None:
    never = {"tool": "asked_write", "args": {"key": "never*"}, "action": "deny"}
    permissions = {**PERMISSIONS, "rules": [never]}
    with GatewayProcess(tmp_path, permissions=permissions) as gate:
        client = ForeignClient(gate.url, client_id="b8")
        asked = client.ask("asked_write", key=ASKED)
        (before,) = gate.wait_for_approvals()
        for key in ("never", "never so", "never\n"):
            code, body = gate.decide(before["id"], "approve", edit={"set": {"key": key}})
            assert code == 403
            assert "it still waits as it was asked" in body["error"]
        gate.restart()
        client.close()
        (after,) = gate.approvals()
        assert after == before
        assert gate.decide(before["id"], "approve", edit={"set": {"key": "never"}})[0] == 403
        assert gate.decide(before["id"], "approve")[0] == 200
        with ForeignClient(gate.url, client_id="b8", first_id=50) as again:
            row = again.outcome_of(asked)
        assert (row["status"], row["data"]) == ("executed", f"wrote {ASKED}")
        assert "edited" not in row
        assert gate.starts() == {("asked_write", ASKED): 1}
        check_audited(gate, before["id"], ASKED)
