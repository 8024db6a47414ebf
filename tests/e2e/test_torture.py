"""The hard tests of the comparison with seven other systems, part B: one start, the answer
delivered, the truth told. Approvals are given over HTTP; the gateway is killed for real."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.foreign import ForeignClient
from tests.e2e.process import OWNER_TOKEN, SECOND_TOKEN, GatewayProcess, until

ROUNDS = 20


@pytest.fixture
def gate(tmp_path: Path) -> Any:
    with GatewayProcess(tmp_path) as gateway:
        yield gateway


@pytest.mark.torture("B1")
@pytest.mark.parametrize("politely", [True, False], ids=["clean close", "cut"])
@pytest.mark.parametrize("client_id", ["", "torture"], ids=["old client", "named client"])
def test_the_client_is_gone_when_the_person_approves(
    gate: GatewayProcess, politely: bool, client_id: str
) -> None:
    client = ForeignClient(gate.url, client_id=client_id)
    asked = client.ask("asked_write", key="b1")
    (approval,) = gate.wait_for_approvals()
    if politely:
        client.close()
    else:
        client.drop()
    assert gate.decide(approval["id"], "approve")[0] == 200
    until(lambda: gate.starts()["asked_write", "b1"], "the tool to run")
    with ForeignClient(gate.url, client_id=client_id, first_id=50) as again:
        row = again.outcome_of(asked)
    assert (row["status"], row["data"]) == ("executed", "wrote b1")
    assert gate.starts()["asked_write", "b1"] == 1


@pytest.mark.torture("B2")
def test_the_gateway_is_killed_while_an_approval_waits(gate: GatewayProcess) -> None:
    client = ForeignClient(gate.url, client_id="b2")
    asked = client.ask("asked_write", key="b2")
    (before,) = gate.wait_for_approvals()
    gate.restart()
    client.close()
    (after,) = gate.approvals()
    assert after == before
    code, view = gate.decide(after["id"], "approve")
    assert (code, view["status"]) == (200, "approved")
    with ForeignClient(gate.url, client_id="b2", first_id=50) as again:
        row = again.outcome_of(asked)
    assert (row["status"], row["data"]) == ("executed", "wrote b2")
    assert gate.starts()["asked_write", "b2"] == 1


@pytest.mark.torture("B3")
def test_the_gateway_is_killed_while_the_tool_runs(gate: GatewayProcess) -> None:
    client = ForeignClient(gate.url, client_id="b3")
    asked = client.ask("slow_write", key="b3", seconds=30.0)
    until(lambda: gate.starts()["slow_write", "b3"], "the tool to start")
    gate.restart()
    client.close()
    with ForeignClient(gate.url, client_id="b3", first_id=50) as again:
        row = again.outcome_of(asked)
        assert row["status"] == "unknown"
        assert row["error"]["code"] == -32007
        again.ask("slow_write", request_id=asked, key="b3", seconds=30.0)
        assert again.receive()["error"]["code"] == -32007, "a repeat gets the same answer"
        fresh = again.ask("slow_write", key="b3", seconds=30.0)
        (approval,) = gate.wait_for_approvals()
        assert "may already have run" in approval["warning"], "policy allows it, a person is asked"
        gate.decide(approval["id"], "deny")
        answer = again.receive()
        assert (answer["id"], answer["error"]["code"]) == (fresh, -32001)
    assert gate.starts()["slow_write", "b3"] == 1


@pytest.mark.torture("B4")
def test_the_same_ask_twice_is_asked_once_and_runs_once(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url, client_id="b4") as client:
        client.ask("asked_write", request_id=1, key="b4")
        client.ask("asked_write", request_id=1, key="b4")
        (approval,) = gate.wait_for_approvals()
        gate.decide(approval["id"], "approve")
        assert client.receive()["result"]["data"] == "wrote b4"
        client.ask("asked_write", request_id=1, key="b4")
        assert client.receive()["result"]["data"] == "wrote b4", "a repeat gets the answer again"
    assert gate.starts()["asked_write", "b4"] == 1
    assert gate.approvals() == []


@pytest.mark.torture("B4b")
def test_an_allowed_write_sent_twice_runs_once(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url, client_id="b4b") as client:
        for _ in range(2):
            client.ask("allowed_write", request_id=1, key="same id")
            assert client.receive()["result"]["data"] == "wrote same id"
    params = {"tool": "allowed_write", "args": {"key": "same key"}, "idempotency_key": "k"}
    for client_id in ("one", "two"):
        with ForeignClient(gate.url, client_id=client_id) as client:
            assert client.call("tool_request", **params)["result"]["data"] == "wrote same key"
    assert gate.starts()["allowed_write", "same id"] == 1
    assert gate.starts()["allowed_write", "same key"] == 1


@pytest.mark.torture("B4b")
def test_an_id_that_comes_back_with_other_content_is_refused(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url, client_id="other") as client:
        client.ask("allowed_write", request_id=1, key="first")
        client.receive()
        client.ask("allowed_write", request_id=1, key="second")
        assert client.receive()["error"]["code"] == -32600
    assert gate.starts()["allowed_write", "second"] == 0


@pytest.mark.torture("B5")
def test_approve_and_deny_at_once_have_one_winner_and_everybody_hears_the_truth(
    gate: GatewayProcess,
) -> None:
    told: Counter[str] = Counter()
    with (
        ForeignClient(gate.url, client_id="b5") as client,
        ThreadPoolExecutor(4) as pool,
    ):
        for number in range(ROUNDS):
            key = f"b5-{number}"
            asked = client.ask("asked_write", key=key)
            (approval,) = gate.wait_for_approvals()
            barrier = threading.Barrier(4)

            def tap(decision: str, token: str, approval: Any = approval, at: Any = barrier) -> Any:
                at.wait()
                return decision, *gate.decide(approval["id"], decision, token)

            taps = [
                pool.submit(tap, decision, token)
                for decision in ("approve", "deny")
                for token in (OWNER_TOKEN, SECOND_TOKEN)
            ]
            answers = [future.result() for future in taps]
            (winner,) = [answer for answer in answers if answer[1] == 200]
            status = "approved" if winner[0] == "approve" else "denied"
            for _, code, body in answers:
                view = body if code == 200 else body["approval"]
                assert code in (200, 409)
                assert view["status"] == status
                assert view["decided_by"] == winner[2]["decided_by"]
            outcome = client.receive()
            assert outcome["id"] == asked
            assert ("result" in outcome) is (status == "approved")
            assert gate.starts()["asked_write", key] == (status == "approved")
            told[status] += 1
    assert sum(told.values()) == ROUNDS


@pytest.mark.torture("B6")
def test_a_stale_approval_runs_nothing_and_says_what_happened(tmp_path: Path) -> None:
    with (
        GatewayProcess(tmp_path, {"approval_timeout": 0.2}) as gate,
        ForeignClient(gate.url) as client,
    ):
        client.ask("asked_write", key="b6")
        (approval,) = gate.wait_for_approvals()
        answer = client.receive()
        assert answer["error"] == {"code": -32002, "message": "Approval timed out"}
        code, body = gate.decide(approval["id"], "approve")
        assert (code, body["approval"]["status"]) == (409, "expired")
        assert "expired" in body["error"]
        assert gate.decide("no-such-approval", "approve")[0] == 404
        assert gate.starts()["asked_write", "b6"] == 0


@pytest.mark.torture("B6")
def test_an_approval_that_expired_while_the_gateway_was_down_is_expired(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, {"approval_timeout": 0.2}) as gate:
        client = ForeignClient(gate.url, client_id="b6")
        asked = client.ask("asked_write", key="b6")
        (approval,) = gate.wait_for_approvals()
        gate.kill()
        client.close()
        gate.start()
        until(lambda: not gate.approvals(), "the approval to expire")
        with ForeignClient(gate.url, client_id="b6", first_id=5) as again:
            assert again.outcome_of(asked)["status"] == "expired"
        code, body = gate.decide(approval["id"], "approve")
        assert (code, body["approval"]["status"]) == (409, "expired")
        assert gate.starts()["asked_write", "b6"] == 0


@pytest.mark.torture("B7")
def test_a_thousand_waiting_approvals_hold_nobody_up(gate: GatewayProcess) -> None:
    with (
        ForeignClient(gate.url, client_id="many") as client,
        ForeignClient(gate.url, client_id="other") as other,
    ):
        for number in range(1000):
            client.ask("asked_write", key=str(number))
        gate.wait_for_approvals(1000)
        assert other.tool("get_state", entity_id="a.b")["result"]["status"] == "executed"


@pytest.mark.slow
@pytest.mark.torture("B7")
def test_ten_thousand_waiting_approvals_hold_nobody_up(tmp_path: Path) -> None:
    limits = {"rate_limit": {"max_pending_approvals": 10_000, "max_requests_per_minute": 1_000_000}}
    with GatewayProcess(tmp_path, limits) as gate, ExitStack() as stack:
        clients = [
            stack.enter_context(ForeignClient(gate.url, client_id=str(number)))
            for number in range(10)
        ]
        for number in range(10_000):
            clients[number // 1_000].ask("asked_write", key=str(number))
        until(lambda: gate.http("/health")[1]["waiting_approvals"] == 10_000, "all to wait")
        assert len(gate.approvals()) == 1_000, "the oldest are listed"
        with ForeignClient(gate.url, client_id="other") as other:
            assert other.tool("get_state", entity_id="a.b")["result"]["status"] == "executed"
            answer = other.tool("asked_write", key="one too many")
            assert answer["error"]["code"] == -32006
        gate.restart()
        assert gate.http("/health")[1]["waiting_approvals"] == 10_000


@pytest.mark.torture("B7b")
def test_twenty_asks_in_the_same_instant_against_a_cap_of_ten_leave_ten(tmp_path: Path) -> None:
    limits = {"rate_limit": {"max_pending_approvals": 10}}
    with GatewayProcess(tmp_path, limits) as gate, ForeignClient(gate.url) as client:
        call = {"jsonrpc": "2.0", "method": "tool_request"}
        for number in range(20):
            params = {"tool": "asked_write", "args": {"key": str(number)}}
            client.send({**call, "params": params, "id": number})
        refusals = [client.receive() for _ in range(10)]
        assert {answer["error"]["code"] for answer in refusals} == {-32006}
        assert all(answer["error"]["data"]["retry_after_s"] > 0 for answer in refusals)
        assert len(gate.wait_for_approvals(10)) == 10
        for approval in gate.approvals():
            gate.decide(approval["id"], "deny")
        assert {client.receive()["error"]["code"] for _ in range(10)} == {-32001}
        client.ask("asked_write", request_id=99, key="room again")
        assert len(gate.wait_for_approvals()) == 1


SPELLINGS: list[tuple[str, dict[str, Any]]] = [
    ("Forbidden", {"key": "x"}),
    ("FORBIDDEN", {"key": "x"}),
    ("forbidden ", {"key": "x"}),
    (" forbidden", {"key": "x"}),
    ("forbidden\n", {"key": "x"}),
    ("f\u043erbidden", {"key": "x"}),
    ("\uff46orbidden", {"key": "x"}),
    ("forbidden", {"key": ["x"]}),
    ("forbidden", {"key": {"a": "x"}}),
    ("forbidden", {"KEY": "x"}),
    ("forbidden", {"key": "x", "extra": 1}),
    ("forbidden", {"key": None}),
    ("forbidden", {"key": "\u200bx"}),
    ("./forbidden", {"key": "x"}),
    ("tests.e2e.tools.forbidden", {"key": "x"}),
]


@pytest.mark.torture("B8")
def test_no_spelling_reaches_a_denied_tool(tmp_path: Path) -> None:
    permissions = {
        "defaults": [{"pattern": "*", "action": "allow"}],
        "rules": [{"pattern": "forbidden*", "action": "deny"}],
    }
    with (
        GatewayProcess(tmp_path, permissions=permissions) as gate,
        ForeignClient(gate.url) as client,
    ):
        for name, args in SPELLINGS:
            answer = client.tool(name, **args)
            assert answer["error"]["code"] in (-32003, -32004, -32602), (name, args)
        assert not gate.starts()
