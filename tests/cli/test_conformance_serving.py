"""``agent-gate conformance`` starts the gateway under test itself, and kills it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from tests.cli.support import AGENT_GATE, run
from tests.held_ports import port_for

from agentgate_cli.conformance.live import play
from agentgate_cli.conformance.profile import read_tokens
from agentgate_cli.conformance.serving import ServeError, Serving, answers, serving
from agentgate_cli.conformance.vectors import Vector, load


class Ours:
    """Our own gateway, with the profile, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = port_for(self)
        self.url = f"ws://127.0.0.1:{self.port}"
        done = run("conformance", "--profile", str(folder), "--port", str(self.port))
        assert done.returncode == 0, done.stderr
        self.tokens = read_tokens(folder / "principals.json")
        words = (AGENT_GATE, "serve", "--config", str(folder / "config.yaml"))
        self.command = shlex.join(words)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    return Ours(tmp_path_factory.mktemp("conformance") / "gateway")


def vector_of(name: str) -> Vector:
    return next(vector for vector in load("server") if vector.name == name)


def test_a_vector_with_a_restart_is_played_live(ours: Ours) -> None:
    vector = vector_of("a request that waits outlives the gateway")
    with serving(ours.command, ours.url) as gateway:
        row = play(ours.url, ours.tokens, vector, slow=False, restart=gateway.restart)
    assert (row.verdict, row.why) == ("passed", "")
    assert not answers(ours.url)


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
        ("/no/such/gateway --now", "/no/such/gateway can't be run: No such file or directory"),
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
