"""A client of another library passes everything with nothing of ours but the protocol reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.foreign import ForeignClient, OriginalClient
from tests.e2e.process import AGENT_TOKEN, OWNER_TOKEN, GatewayProcess, until
from websockets.exceptions import ConnectionClosed


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("gate")) as gateway:
        yield gateway


def test_auth_is_answered_as_seed_001_says(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        assert client.auth["id"] == "auth-1"
        assert client.auth["result"]["status"] == "authenticated"


def test_a_wrong_token_is_refused_and_the_connection_closed(gate: GatewayProcess) -> None:
    client = ForeignClient(gate.url, token="wrong")
    assert client.auth["error"] == {"code": -32005, "message": "Invalid token"}
    with pytest.raises(ConnectionClosed) as caught:
        client.receive()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4401
    client.close()


@pytest.mark.parametrize("client_id", ["", "foreign-1"])
def test_an_allowed_tool_runs_and_answers(gate: GatewayProcess, client_id: str) -> None:
    with ForeignClient(gate.url, client_id=client_id) as client:
        answer = client.tool("get_state", entity_id="sensor.temp")
    assert answer["result"]["status"] == "executed"
    assert answer["result"]["data"] == {"entity_id": "sensor.temp", "state": "21.3"}
    assert ("seq" in answer["result"]) is bool(client_id)


def test_a_denied_tool_is_refused_with_the_rules_words(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        answer = client.tool("forbidden", key="x")
    assert answer["error"] == {"code": -32003, "message": "Denied by policy: never that"}
    assert gate.starts()["forbidden", "x"] == 0


def test_a_failed_tools_own_words_reach_the_agent(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        answer = client.tool("broken_write", key="door")
    assert answer["error"]["code"] == -32004
    assert "the motor of door is stuck" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("decision", "status"), [("approve", "executed"), ("deny", "Denied by user")]
)
def test_a_person_decides(gate: GatewayProcess, decision: str, status: str) -> None:
    with ForeignClient(gate.url) as client:
        client.ask("asked_write", key=f"person-{decision}")
        (approval,) = gate.wait_for_approvals()
        assert approval["tool"] == "asked_write"
        assert approval["args"] == {"key": f"person-{decision}"}
        code, view = gate.decide(approval["id"], decision)
        assert code == 200
        assert view["status"] == ("approved" if decision == "approve" else "denied")
        answer = client.receive()
    if decision == "approve":
        assert answer["result"]["status"] == status
    else:
        assert answer["error"] == {"code": -32001, "message": status}
    expected = 1 if decision == "approve" else 0
    assert gate.starts()["asked_write", f"person-{decision}"] == expected


def approve_while_offline(gate: GatewayProcess, client_id: str, key: str) -> int | str:
    client = ForeignClient(gate.url, client_id=client_id)
    asked = client.ask("asked_write", key=key)
    (approval,) = gate.wait_for_approvals()
    client.drop()
    assert gate.decide(approval["id"], "approve")[0] == 200
    until(lambda: gate.starts()["asked_write", key], "the tool to run")
    return asked


def test_an_old_client_collects_what_was_decided_while_it_was_offline(
    gate: GatewayProcess,
) -> None:
    asked = approve_while_offline(gate, "", "offline-old")
    with ForeignClient(gate.url, first_id=10) as client:
        (row,) = until(
            lambda: client.call("get_pending_results")["result"]["results"], "the outcome"
        )
        answer = client.receive()
        reply = client.call("get_pending_results")["result"]
        assert reply == {"results": [], "pending": []}, "an old client never sees an addition"
    assert row == {
        "request_id": asked,
        "tool": "asked_write",
        "status": "executed",
        "data": "wrote offline-old",
        "resolved_at": row["resolved_at"],
    }
    assert row["resolved_at"].endswith("Z")
    executed = {"status": "executed", "data": "wrote offline-old"}
    assert answer == {"jsonrpc": "2.0", "result": executed, "id": asked}
    assert gate.starts()["asked_write", "offline-old"] == 1


def test_a_named_client_gets_what_was_decided_while_it_was_offline_until_it_acknowledges(
    gate: GatewayProcess,
) -> None:
    asked = approve_while_offline(gate, "foreign-offline", "offline-named")
    for first_id in (10, 20):
        with ForeignClient(gate.url, client_id="foreign-offline", first_id=first_id) as client:
            outcome = client.outcome_of(asked)
            assert (outcome["status"], outcome["data"]) == ("executed", "wrote offline-named")
    with ForeignClient(gate.url, client_id="foreign-offline", first_id=30) as client:
        client.outcome_of(asked)
        client.send({"jsonrpc": "2.0", "method": "ack", "params": {"seq": 1}})
        assert client.call("get_pending_results")["result"]["results"] == []
    with ForeignClient(gate.url, client_id="foreign-offline", first_id=40) as client:
        assert client.call("get_pending_results")["result"]["results"] == []
    assert gate.starts()["asked_write", "offline-named"] == 1


def test_an_approval_after_reconnect_reaches_the_waiting_call_of_an_old_client(
    gate: GatewayProcess,
) -> None:
    first = ForeignClient(gate.url)
    asked = first.ask("asked_write", key="late")
    (approval,) = gate.wait_for_approvals()
    first.drop()
    with ForeignClient(gate.url, first_id=7) as second:
        assert until(
            lambda: asked in second.call("get_pending_results")["result"]["pending"], "pending"
        )
        gate.decide(approval["id"], "approve")
        answer = second.receive()
    assert answer["id"] == asked
    assert answer["result"]["data"] == "wrote late"


def original(gate: GatewayProcess) -> OriginalClient:
    client = OriginalClient(gate.url)
    client.connect()
    return client


def test_an_original_sdks_call_ends_though_its_answer_was_given_while_it_was_away(
    gate: GatewayProcess,
) -> None:
    client = original(gate)
    asked = [client.call("asked_write", key=f"away-{n}") for n in range(3)]
    approvals = gate.wait_for_approvals(3)
    client.lose()
    for approval, verdict in zip(approvals[:2], ("approve", "deny"), strict=True):
        assert gate.decide(approval["id"], verdict)[0] == 200
    until(lambda: gate.starts()["asked_write", "away-0"], "the tool to run")
    client.connect()
    assert client.wait_for(asked[0])["result"] == {"status": "executed", "data": "wrote away-0"}
    assert client.wait_for(asked[1])["error"] == {"code": -32001, "message": "Denied by user"}
    assert gate.decide(approvals[2]["id"], "approve")[0] == 200
    assert client.wait_for(asked[2])["result"]["data"] == "wrote away-2"
    assert [gate.starts()["asked_write", f"away-{n}"] for n in range(3)] == [1, 0, 1]
    client.lose()
    client.waiting.add(asked[0])  # whatever it asks now: what it has is not told again
    until(lambda: collected_nothing(client), "the receipts to count")
    client.close()


def collected_nothing(client: OriginalClient) -> bool:
    client.connect()
    client.lose()
    return client.replies[-1]["result"]["results"] == []


def test_an_original_sdks_call_ends_though_the_gateway_was_restarted_meanwhile(
    tmp_path: Path,
) -> None:
    with GatewayProcess(tmp_path) as gate:
        client = original(gate)
        asked = client.call("asked_write", key="restarted")
        (approval,) = gate.wait_for_approvals()
        client.lose()
        assert gate.decide(approval["id"], "approve")[0] == 200
        until(lambda: gate.starts()["asked_write", "restarted"], "the tool to run")
        assert gate.stop() == 0
        gate.start()
        client.connect()
        assert client.wait_for(asked)["result"]["data"] == "wrote restarted"
        client.close()
        assert gate.starts()["asked_write", "restarted"] == 1


def test_a_new_process_of_the_original_sdk_is_never_told_of_the_former_ones_call(
    gate: GatewayProcess,
) -> None:
    former = original(gate)
    former.call("asked_write", key="former")
    (approval,) = gate.wait_for_approvals()
    former.lose()
    assert gate.decide(approval["id"], "approve")[0] == 200
    until(lambda: gate.starts()["asked_write", "former"], "the tool to run")
    fresh = original(gate)
    asked = fresh.call("asked_write", key="fresh")
    (approval,) = gate.wait_for_approvals()
    fresh.lose()
    fresh.connect()
    assert gate.decide(approval["id"], "approve")[0] == 200
    assert fresh.wait_for(asked)["result"]["data"] == "wrote fresh"
    fresh.close()


def test_tools_are_listed_with_the_decision_to_expect(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        tools = {row["name"]: row for row in client.call("list_tools")["result"]["tools"]}
    assert "forbidden" not in tools
    assert tools["get_state"]["decision"] == "allow"
    assert tools["get_state"]["effects"] == "read"
    assert tools["asked_write"]["decision"] == "ask"
    assert tools["get_state"]["args"]["properties"]["entity_id"]["type"] == "string"


def test_a_batch_is_answered_by_one_array(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        call = {"jsonrpc": "2.0", "method": "tool_request"}
        params = {"tool": "get_state", "args": {"entity_id": "a.b"}}
        client.send(
            [
                {**call, "params": params, "id": 1},
                {**call, "params": {"tool": "slow_read", "args": {"key": "k"}}, "id": 2},
                {"jsonrpc": "2.0", "method": "no_such_method", "id": "3"},
                17,
            ]
        )
        answers = client.receive()
    assert {answer["id"] for answer in answers} == {1, 2, "3", None}


def test_an_agent_may_not_answer_approvals(gate: GatewayProcess) -> None:
    with ForeignClient(gate.url) as client:
        answer = client.call("list_approvals")
    assert answer["error"]["code"] == -32010
    assert gate.http("/api/approvals", token=AGENT_TOKEN)[0] == 403
    assert gate.http("/api/approvals", token="nobody")[0] == 401
    with ForeignClient(gate.url, token=OWNER_TOKEN) as approver:
        assert approver.call("list_approvals")["result"] == {"approvals": []}
        assert approver.call("tool_request", tool="get_state")["error"]["code"] == -32010
