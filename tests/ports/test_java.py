"""The port in Java: all client vectors, all cases of ``--listen``, flows with a real gateway."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.examining import examine, examine_whole, troubles
from tests.e2e.process import AGENT_TOKEN, OWNER_TOKEN, GatewayProcess, until
from tests.ports import flows
from tests.ports.java import PORT, JavaClient, command, compiled, java

from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.vectors import load

VECTORS = Path(__file__).parent.parent.parent / "spec" / "vectors"
VECTORS_S = 60.0
STORM = 200


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("classes"))


@pytest.fixture
def gateway(classes: Path, tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path) as process:
        yield process


@pytest.fixture
def client(classes: Path, gateway: GatewayProcess) -> Iterator[JavaClient]:
    with JavaClient(classes, gateway.url, AGENT_TOKEN, "java") as client:
        client.connect()
        yield client


def test_without_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"NOT TESTED.*openjdk-17-jdk-headless"):
        java("javac")


def test_it_follows_every_vector_of_a_client(classes: Path) -> None:
    run = subprocess.run(
        command(classes, "VectorPlayer", str(VECTORS)),
        capture_output=True,
        text=True,
        timeout=VECTORS_S,
        check=False,
    )
    files = len(list(VECTORS.glob("client-*.json")))
    count = len(load("client"))
    assert run.stdout == f"{count} vectors of {files} files, 0 failed\n", run.stderr
    assert run.returncode == 0


def test_it_has_no_dependencies() -> None:
    for path in PORT.rglob("*.java"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
        for line in path.read_text("utf-8").splitlines():
            assert not line.startswith("import ") or line.startswith("import java"), line


def test_it_passes_every_case_as_a_client_that_does_not_come_back(classes: Path) -> None:
    rows = examine(command(classes, "Driver"), "--level", "minimal", driver=["minimal"])
    assert troubles(rows) == {}
    assert {case.name for case in ALL if case.alone} <= set(rows)


@pytest.mark.slow
def test_it_passes_every_case_of_a_client(classes: Path) -> None:
    rows = examine_whole(command(classes, "Driver"), slow=False, driver=["all"])
    assert troubles(rows) == {}
    assert {case.name for case in ALL if not case.alone and not case.is_slow} <= set(rows)


def test_allowed_and_denied(client: JavaClient) -> None:
    flows.allowed_and_denied(client)


def test_a_person_says_yes_and_no(
    classes: Path, gateway: GatewayProcess, client: JavaClient
) -> None:
    with JavaClient(classes, gateway.url, OWNER_TOKEN, "person") as person:
        person.connect()
        person.begin("watch", "watch")
        assert person.wait("watch") == {"data": True}
        assert person.wait_for_key("all") == []
        for name, approve in (("yes", True), ("no", False)):
            client.call(name, "asked_write", key=name)
            opened = {"status": "closed"}
            while opened["status"] != "waiting":
                opened = person.wait_for_key("changed")
            person.begin("decide", "decide", id=opened["id"], approve=approve)
            assert person.wait("decide")["data"]["decided_by"] == "owner"
            ends = client.wait(name)
            assert ends == {"data": "wrote yes"} if approve else ends["error"]["code"] == -32001
        gateway.restart()
        assert person.wait_for_key("all") == [], "it watches again"
    assert gateway.starts() == {("asked_write", "yes"): 1}


def test_it_says_why_and_hears_what_people_said_and_changed(
    gateway: GatewayProcess, client: JavaClient
) -> None:
    flows.words_and_edits(gateway, client)


def test_patience_ends_and_a_call_is_given_up(gateway: GatewayProcess, client: JavaClient) -> None:
    client.begin("a", "call", tool="asked_write", args={"key": "k"}, timeout_s=0.1)
    assert client.wait("a")["error"]["code"] == -32008
    assert gateway.approvals() == []
    client.begin("b", "withdrawn", tool="asked_write", args={"key": "k"})
    assert "error" in client.wait("b")
    until(lambda: gateway.approvals() == [] or None, "the approval to be withdrawn")


def test_a_gateway_is_killed_while_one_call_waits_and_one_runs(
    gateway: GatewayProcess, client: JavaClient
) -> None:
    client.call("waits", "asked_write", key="k1")
    (row,) = gateway.wait_for_approvals()
    client.begin("runs", "call", tool="slow_write", args={"key": "k2", "seconds": 30})
    until(lambda: gateway.starts()[("slow_write", "k2")] or None, "the tool to start")
    gateway.restart()
    assert client.wait("runs")["error"]["code"] == -32007
    assert [again["id"] for again in gateway.wait_for_approvals()] == [row["id"]]
    gateway.decide(row["id"], "approve")
    assert client.wait("waits") == {"data": "wrote k1"}
    assert gateway.starts() == {("asked_write", "k1"): 1, ("slow_write", "k2"): 1}


def test_a_storm_of_writes_over_three_kills(gateway: GatewayProcess, client: JavaClient) -> None:
    keys = [f"k{n}" for n in range(STORM)]
    for n, key in enumerate(keys):
        client.begin(key, "call", tool="slow_write", args={"key": key, "seconds": 0.01})
        if n % 60 == 59:
            last = [("slow_write", each) for each in keys[n - 59 : n + 1]]
            until(lambda last=last: any(map(gateway.starts().get, last)) or None, "some to run")
            gateway.restart()
    ends = {key: client.wait(key) for key in keys}
    client.begin("rows", "collect")
    assert client.wait("rows") == {"data": []}, "nothing is told twice"
    starts = gateway.starts()
    assert set(starts.values()) <= {1}, "nothing runs twice"
    for key, end in ends.items():
        if "data" in end:
            assert starts[("slow_write", key)] == 1
        else:
            assert end["error"]["code"] == -32007, end
    assert any("data" in end for end in ends.values())
    assert not client.ended


def test_an_outcome_of_a_former_process_is_collected_by_the_next(
    classes: Path, gateway: GatewayProcess
) -> None:
    with JavaClient(classes, gateway.url, AGENT_TOKEN, "stable") as first:
        first.connect()
        first.call("a", "asked_write", key="k")
        row = gateway.wait_for_approvals()[0]
    gateway.decide(row["id"], "approve")
    with JavaClient(classes, gateway.url, AGENT_TOKEN, "stable") as second:
        second.connect()
        second.begin("rows", "collect")
        (found,) = second.wait("rows")["data"]
        assert (found["request_id"], found["status"], found["data"]) == (1, "executed", "wrote k")
        second.begin("rows", "collect")
        assert second.wait("rows") == {"data": []}


def test_what_it_provides_is_run_and_its_errors_told(classes: Path, tmp_path: Path) -> None:
    rules = {"rules": [{"tool": "agent.*", "action": "allow"}]}
    with (
        GatewayProcess(tmp_path, permissions=rules) as gateway,
        JavaClient(classes, gateway.url, AGENT_TOKEN, "provider") as provider,
        JavaClient(classes, gateway.url, AGENT_TOKEN, "java") as client,
    ):
        provider.connect()
        client.connect()
        provider.begin("p", "provide")
        names = [f"agent.{name}" for name in ("double", "broken", "slow")]
        assert provider.wait("p") == {"data": {"names": names}}
        client.call("a", "agent.double", n=21)
        assert client.wait("a") == {"data": 42}
        client.call("b", "agent.broken")
        assert "no motor" in client.wait("b")["error"]["message"]
        client.begin("c", "withdrawn", tool="agent.slow", args={})
        assert "error" in client.wait("c")
        assert provider.wait_for_key("stopped") is True


def test_a_wrong_token_is_final(classes: Path, gateway: GatewayProcess) -> None:
    with JavaClient(classes, gateway.url, "a wrong token", "x") as client:
        client.begin("connect", "connect")
        assert client.wait("connect")["error"]["code"] == -32005


def test_over_tls_it_looks_at_the_certificate_and_the_name(classes: Path, tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*made, *subject, *files], cwd=tmp_path, capture_output=True, check=True)
    store = tmp_path / "trusted.p12"
    told = ["-noprompt", "-file", "cert.pem", "-keystore", str(store), "-storepass", "changeit"]
    subprocess.run(
        [java("keytool"), "-importcert", *told], cwd=tmp_path, capture_output=True, check=True
    )
    tls = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    trusting = [
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]
    with GatewayProcess(tmp_path, {"gateway": {"shutdown_s": 2, "tls": tls}}) as gateway:
        for host, options, good in (
            ("localhost", trusting, True),
            ("127.0.0.1", trusting, False),
            ("localhost", [], False),
        ):
            url = f"wss://{host}:{gateway.port}"
            with JavaClient(classes, url, AGENT_TOKEN, "x", [*options, "-Dretries=0"]) as client:
                client.begin("connect", "connect")
                end = client.wait("connect")
                wanted = {"data": True} if good else -32000
                assert end.get("error", {}).get("code", end) == wanted


def test_a_token_does_not_travel_in_the_clear(classes: Path) -> None:
    with JavaClient(classes, "ws://192.0.2.1:1", AGENT_TOKEN, "x") as client:
        client.begin("connect", "connect")
        assert client.process.wait(VECTORS_S) != 0


def test_closing_ends_the_process_in_order(gateway: GatewayProcess, client: JavaClient) -> None:
    client.call("a", "asked_write", key="k")
    gateway.wait_for_approvals()
    client.begin("close", "close")
    error = client.wait("a")["error"]
    assert (error["code"], error["sent"]) == (-32000, True)
    assert client.wait("close")["data"] is True
    assert client.process.stdin is not None
    client.process.stdin.close()
    assert client.process.wait(VECTORS_S) == 0
