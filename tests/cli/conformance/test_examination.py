"""``agent-gate conformance``: our own gateway and client pass, and others would be found out."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cli.examining import (
    ALL_S,
    Rows,
    ended_within,
    examine,
    examine_whole,
    listening,
    troubles,
)
from tests.cli.support import AGENT_TOKEN, Served, run
from tests.e2e.foreign import ForeignClient
from tests.ports.node import PORT, node
from websockets.exceptions import ConnectionClosed

from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.profile import GIVEN, read_tokens

LANGUAGES = ("python", "javascript")
DRIVER = Path(__file__).with_name("driver.py")


@pytest.fixture(scope="module")
def under_test(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gateway that was made by ``--profile``."""
    folder = tmp_path_factory.mktemp("conformance") / "gateway"
    done = run("conformance", "--profile", str(folder), "--port", "0")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_gateway_that_does_something_else_is_found_out(gateway: Served) -> None:
    done = run("conformance", gateway.url, "--token", AGENT_TOKEN, "--only", "allowed")
    assert done.returncode == 1
    assert done.stdout.startswith("failed")
    assert "Unknown tool: echo" in done.stdout


def test_what_needs_other_tokens_is_skipped_with_the_reason(gateway: Served) -> None:
    done = run("conformance", gateway.url, "--token", AGENT_TOKEN, "--only", "person says yes")
    assert "needs approver_token: name a file with --tokens" in done.stdout
    assert done.returncode == 1, "nothing was played, so nothing was shown"


def test_one_vector_can_be_chosen(gateway: Served) -> None:
    done = run("conformance", gateway.url, "--token", AGENT_TOKEN, "--only", "a wrong token")
    assert (done.returncode, done.stdout.strip()) == (0, "passed a wrong token")


def test_one_level_can_be_chosen_with_what_it_builds_on(gateway: Served) -> None:
    known = run(
        "conformance", gateway.url, "--token", AGENT_TOKEN, "--level", "http", bound_s=180.0
    )
    told = [line.split(maxsplit=1)[1] for line in known.stdout.splitlines()]
    assert any(line.startswith("a path that is none") for line in told)
    assert any(line.startswith("an opening handshake") for line in told)
    assert not any(line.startswith("a session after a restart") for line in told)
    unknown = run("conformance", gateway.url, "--token", AGENT_TOKEN, "--level", "minimum")
    assert unknown.returncode == 4
    assert "there is no level 'minimum': name one of minimal, reconnect, " in unknown.stderr
    nothing = run("conformance", gateway.url, "--token", AGENT_TOKEN, "--only", "no such vector")
    assert nothing.returncode == 4


def test_no_gateway_is_one_line() -> None:
    done = run("conformance", "ws://127.0.0.1:1", "--token", "x")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Error: no gateway at ws://127.0.0.1:1: ")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("ws://127.0.0.1:1", "--listen"),
        ("ws://127.0.0.1:1",),
        ("--listen", "--serve", "a gateway"),
    ],
)
def test_a_command_line_that_makes_no_sense_says_what_to_give(args: tuple[str, ...]) -> None:
    done = run("conformance", *args)
    assert done.returncode == 4
    assert "give " in done.stderr


def test_a_profile_is_private_and_is_not_written_over(under_test: Path) -> None:
    folder = under_test
    tokens = read_tokens(folder / "principals.json")
    assert set(tokens) == GIVEN
    for name in ("config.yaml", "principals.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0
    again = run("conformance", "--profile", str(folder))
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert read_tokens(folder / "principals.json") == tokens


def drivers() -> dict[str, tuple[str, ...]]:
    """The commands that drive our clients."""
    return {
        "python": (sys.executable, str(DRIVER)),
        "javascript": (node(), str(PORT / "test" / "listen.js")),
    }


@pytest.fixture(scope="module")
def examinations() -> dict[str, Rows]:
    """Of each client, at the same time. What takes long is played to one alone: it is one core."""

    def examined(language: str) -> Rows:
        return examine_whole(drivers()[language], slow=language == "python")

    with ThreadPoolExecutor(len(LANGUAGES)) as pool:
        return dict(zip(LANGUAGES, pool.map(examined, LANGUAGES), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_our_clients_pass_every_case(language: str, examinations: dict[str, Rows]) -> None:
    rows = examinations[language]
    assert troubles(rows) == {}
    played = {case.name for case in ALL if not case.alone}
    if language != "python":
        played -= {case.name for case in ALL if case.is_slow}
    assert played <= set(rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_clients_pass_as_ones_that_do_not_come_back(language: str) -> None:
    rows = examine(drivers()[language], "--level", "minimal", driver=["--minimal"])
    assert troubles(rows) == {}
    alone = {case.name for case in ALL if case.alone}
    assert alone <= set(rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_clients_pass_below_the_level_of_kept_rows(language: str) -> None:
    chosen = [
        "--only",
        "reconciliation",
        "--only",
        "closed in the midst",
        "--only",
        "refused later",
    ]
    rows = examine(drivers()[language], "--level", "reconnect", *chosen, driver=["--fresh"])
    assert troubles(rows) == {}
    assert len(rows) == 5


def test_an_old_client_is_told_apart() -> None:
    process, url = listening()
    with pytest.raises(ConnectionClosed):
        ForeignClient(url, "conformance-token")
    code, out, _ = ended_within(process, ALL_S)
    (first, *others, _) = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert "no client_id" in first["why"]
    assert {row["verdict"] for row in others} == {"skipped"}


def test_a_client_that_acknowledges_nothing_and_does_not_come_back_fails() -> None:
    process, url = listening()
    with ForeignClient(url, "conformance-token", client_id="lazy", first_id=2000) as client:
        client.ask("next")
        task = client.receive()["result"]["data"]
        assert len(task["calls"]) == 3
        for call in task["calls"]:
            client.ask(call["tool"], **call["args"])
        ids = [client.receive()["id"] for _ in task["calls"]]
        assert ids == [2003, 2002, 2001]
        client.ask("report", task=0, results=[])
        client.receive()
    _, out, _ = ended_within(process, ALL_S)
    rows = {row["name"]: row for row in map(json.loads, out.splitlines()[:-1])}
    assert rows["connecting"]["verdict"] == "passed"
    assert "was not acknowledged in time, only 0 (N2)" in rows["answers in any order"]["why"]
    assert rows["answers in any order"]["rules"] == ["N2"]
    assert rows["errors"]["verdict"] == "skipped"
    assert "the client was gone after 'arguments'" in rows["errors"]["why"]
