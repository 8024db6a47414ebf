"""``agent-gate conformance`` starts the gateway under test itself, and kills it; ours passes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.support import AGENT_GATE, BOUND_S, environment, run
from tests.held_ports import port_for

from agentgate_cli.conformance.live import play
from agentgate_cli.conformance.profile import read_tokens
from agentgate_cli.conformance.serving import SHELL, ServeError, Serving, answers, serving
from agentgate_cli.conformance.vectors import Step, Vector, load

ALL_S = 600.0


class Ours:
    """Our own gateway, with the profile, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = port_for(self)
        self.url = f"ws://127.0.0.1:{self.port}"
        done = run("conformance", "--profile", str(folder), "--port", str(self.port))
        assert done.returncode == 0, done.stderr
        self.tokens = read_tokens(folder / "principals.json")
        self.tokens_file = folder / "principals.json"
        words = (AGENT_GATE, "serve", "--config", str(folder / "config.yaml"))
        self.command = shlex.join(words)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    return Ours(tmp_path_factory.mktemp("conformance") / "gateway")


def vector_of(name: str) -> Vector:
    return next(vector for vector in load("server") if vector.name == name)


@pytest.mark.slow
def test_our_gateway_passes_every_vector_that_does_not_take_long(ours: Ours) -> None:
    done = subprocess.run(
        [
            *(AGENT_GATE, "conformance", ours.url, "--json"),
            *("--tokens", str(ours.tokens_file)),
            *("--serve", ours.command),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=ALL_S,
        check=False,
    )
    *rows, told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row for row in rows if row["verdict"] == "failed"] == []
    assert done.returncode == 0
    assert told["ok"]
    assert len(rows) == len(load("server"))
    skipped = [row["why"] for row in rows if row["verdict"] == "skipped"]
    assert all("--slow" in why for why in skipped), skipped
    assert len(skipped) * 10 < len(rows)


def test_what_failed_names_the_rules_and_what_was_done_last(ours: Ours) -> None:
    vector = Vector(
        "one",
        "There is an answer.",
        [{"connect": "a"}, {"receive_text": "x", "on": "a"}, {"send": {"id": 1}, "on": "a"}],
        rules=["M1", "C2"],
        level="minimal",
    )
    with serving(ours.command, ours.url):
        row = play(ours.url, ours.tokens, vector, slow=False)
    assert (row.verdict, row.level, row.rules) == ("failed", "minimal", ("M1", "C2"))
    assert row.why == (
        'There is an answer (M1, C2): $.id: null instead of 1; after {"receive_text":"x","on":"a"}'
    )


def test_a_vector_with_a_restart_is_played_live(ours: Ours) -> None:
    vector = vector_of("a request that waits outlives the gateway")
    with serving(ours.command, ours.url) as gateway:
        row = play(ours.url, ours.tokens, vector, slow=False, process=gateway)
    assert (row.verdict, row.why) == ("passed", "")
    assert not answers(ours.url)


def test_a_gateway_that_has_died_is_started_again(ours: Ours) -> None:
    steps: list[Step] = [{"connect": "a"}]
    vector = Vector("one", "It takes WebSockets.", steps, rules=["T20"])
    with serving(ours.command, ours.url) as gateway:
        gateway.shut_down()
        until = time.monotonic() + BOUND_S
        while answers(ours.url):
            assert time.monotonic() < until, "it does not end"
        with pytest.raises(OSError, match="refused"):
            play(ours.url, ours.tokens, vector, slow=False)
        row = play(ours.url, ours.tokens, vector, slow=False, process=gateway)
        assert row.verdict == "failed"
        assert row.why.startswith("It takes WebSockets (T20): the gateway does not answer any more")
        assert play(ours.url, ours.tokens, vector, slow=False).verdict == "passed"


def test_who_can_not_restart_it_skips_such_a_vector(ours: Ours) -> None:
    vector = vector_of("a request that waits outlives the gateway")
    row = play(ours.url, ours.tokens, vector, slow=False)
    assert (row.verdict, row.why) == (
        "skipped",
        "needs a restart of the gateway: --serve COMMAND plays it",
    )


def test_two_gateways_at_one_address_are_refused(ours: Ours) -> None:
    with serving(ours.command, ours.url):
        second = Serving(ours.command, ours.url)
        with pytest.raises(ServeError, match=r"answers at .* already"):
            second.start()
        second.stop()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            "/no/such/gateway --now",
            f"/no/such/gateway can't be run: No such file or directory; {SHELL}",
        ),
        (
            "agent-gate 'serve",
            """--serve "agent-gate 'serve" can't be read: No closing quotation""",
        ),
        (" ", "--serve names no command"),
        (
            shlex.join((sys.executable, "-c", "import sys; sys.exit('no port for me')")),
            "the gateway ended with 1: no port for me",
        ),
        (shlex.join((sys.executable, "-c", "")), "the gateway ended with 0: it said nothing"),
    ],
)
def test_a_gateway_that_does_not_start_says_why(command: str, why: str) -> None:
    with pytest.raises(ServeError) as caught, serving(command, "ws://127.0.0.1:1"):
        pass
    assert str(caught.value) == why


def test_what_the_command_has_started_ends_with_it(ours: Ours) -> None:
    command = shlex.join(("sh", "-c", f"{ours.command}; exit 1"))
    with serving(command, ours.url):
        assert answers(ours.url)
    assert not answers(ours.url)


@pytest.mark.slow
def test_what_does_not_want_to_end_is_killed(tmp_path: Path) -> None:
    pid_file = shlex.quote(str(tmp_path / "pid"))
    stubborn = shlex.quote(f"trap '' TERM; echo $$ > {pid_file}; while :; do sleep 1; done")
    script = f"sh -c {stubborn} & until test -s {pid_file}; do sleep 0.05; done; exit 3"
    command = shlex.join(("sh", "-c", script))
    with pytest.raises(ServeError, match="ended with 3"), serving(command, "ws://127.0.0.1:1"):
        pass
    pid = (tmp_path / "pid").read_text().strip()
    assert run_state(pid) in ("", "Z"), "it still runs"


def run_state(pid: str) -> str:
    """The state of a process; "": there is none."""
    words = ("ps", "-o", "stat=", "-p", pid)
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout[:1]
