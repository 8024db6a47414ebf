"""Whole exchanges, as both sides really say them: ``spec/exchanges.md`` is made of these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.spec.wire_log import Network, Party

from agentgate_proto.rpc.messages import DecideApproval

HEAD = """\
# Exchanges

What both sides say, frame by frame, in five whole exchanges. They are real: made of what our
gateway and our client say to each other, with names for what is drawn at random (`epoch-1`,
`approval-1`) and "…" for tokens. The tools are those of the [gateway under
test](vectors/README.md#the-gateway-under-test).

- `robot → …`: robot's program sends a text frame; `robot ← …`: it gets one. A long one is broken
  into several lines here.
- `(lost)`: it was sent, and never arrived.
- `close …`: a close frame.
- `robot: …`: what happens at robot. `A ends` says what the caller of the call A is told.
"""


class Story(NamedTuple):
    """One exchange.

    Attributes:
        title: its heading.
        words: what there is to be seen.
        play: has it happen.
    """

    title: str
    words: str
    play: Callable[[Network], None]


def robot_of(network: Network, name: str = "robot", *, progress: bool = False) -> Party:
    """An agent's program with a stable ``client_id``."""
    return network.client(name, "agent_token", client_id="robot-1", progress=progress)


def yes(network: Network, ann: Party) -> None:
    """A person says yes to what waits."""
    decision = DecideApproval(id=ann.approvals[0], decision="approve")
    ann.call("", "decide_approval", decision)
    network.advance(0.1)


def a_call(network: Network) -> None:
    robot = robot_of(network)
    robot.ask("A", "echo", value="hi")
    network.advance(0.1)
    robot.ask("B", "forbidden", value="hi")
    network.advance(0.1)
    robot.close()


def an_ask(network: Network) -> None:
    ann = network.client("ann", "approver_token", client_id="phone-7")
    ann.call("", "watch_approvals")
    robot = robot_of(network, progress=True)
    robot.ask("A", "guarded", value="front door")
    network.note("ann says yes")
    yes(network, ann)


def a_cut(network: Network) -> None:
    ann = network.client("ann", "approver_token", hidden=True)
    ann.call("", "watch_approvals")
    robot = robot_of(network)
    robot.deaf = True
    robot.ask("A", "echo", value="hi")
    robot.ask("B", "guarded", value="front door")
    robot.mute = True
    robot.ask("C", "tally", key="once")
    robot.cut()
    robot.ask("D", "echo", value="later")
    network.note("one second goes by")
    network.advance(1.1)
    network.note("a person says yes to B")
    yes(network, ann)


def another_epoch(network: Network) -> None:
    robot = robot_of(network)
    robot.ask("A", "slow_write", seconds=30)
    network.forget()
    robot.ask("B", "echo", value="later")
    network.note("one second goes by")
    network.advance(1.1)


def taken_over(network: Network) -> None:
    ann = network.client("ann", "approver_token", hidden=True)
    ann.call("", "watch_approvals")
    robot = robot_of(network)
    robot.ask("A", "guarded", value="front door")
    newer = robot_of(network, "newer")
    network.note("a person says yes to A")
    yes(network, ann)
    newer.call("its user's get_pending_results", "get_pending_results")
    newer.ask("B", "echo", value="hi")
    network.advance(0.1)


STORIES = (
    Story(
        "A call",
        """\
One call that the policy allows, one that it denies. Both outcomes have a number, `seq`, and are
acknowledged. Then robot's user closes the client.
""",
        a_call,
    ),
    Story(
        "An ask",
        """\
The policy wants a person to be asked. Ann's program watches the approvals; robot asked for
`progress`, and so hears that it waits.
""",
        an_ask,
    ),
    Story(
        "A cut",
        """\
Three calls are under way when the connection breaks. A has run, and its answer was lost: it comes
as a row. B waits for a person: it is in `pending`, and its answer comes in its time. C never
arrived: it is in neither, so it is sent again under its old id. D was made meanwhile: it is sent
last, under a new id.
""",
        a_cut,
    ),
    Story(
        "Another epoch",
        """\
The gateway has lost its memory: `epoch` is another one. A may have run, and nobody knows: its
caller is told so, and it is not sent again. B was never sent, so it is sent now. The reply
without rows has no number, and has used one up: numbers have gaps.
""",
        another_epoch,
    ),
    Story(
        "Taken over",
        """\
A second process with the same `client_id` connects. The older one is closed with 4409, tells its
caller that A was sent, and does not come back. The newer one counts on from `highest_id`. The
outcome of A comes to it; no call waits for that, so it is kept for its user's own
`get_pending_results`.
""",
        taken_over,
    ),
)


def text() -> str:
    """The file."""
    parts = [HEAD]
    for story in STORIES:
        with TemporaryDirectory() as folder:
            network = Network(Path(folder) / "gateway")
            story.play(network)
            network.gateway.close()
        lines = "\n".join(network.lines)
        parts.append(f"## {story.title}\n\n{story.words}\n```text\n{lines}\n```\n")
    return "\n".join(parts)
