"""``agent-gate approvals watch``: a question shows the whole of what it is about."""

from __future__ import annotations

import anyio
import click
import msgspec
import pytest
from tests.cli.test_prompt import approval

from agentgate_cli.terminal import Terminal
from agentgate_cli.watch import Watch
from agentgate_client import AgentGateError, ApprovalsClient, ApprovalView, ErrorCode

WHOLE = approval({"text": "open the door"})
SHORT = msgspec.structs.replace(
    WHOLE, args=msgspec.Raw(b'"{\\"text\\":\\"open\xe2\x80\xa6"'), shortened=("args",)
)


class Skipping(Terminal):
    """A person who skips what they are asked."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    async def answer(self, question: str, quiet_s: float = 0.0) -> str | None:
        self.questions.append(question)
        return "s"


class Desk(ApprovalsClient):
    """A gateway that has one approval, or has it no more."""

    def __init__(self, watch: Watch, error: AgentGateError | None, *, settled: bool) -> None:
        super().__init__("ws://127.0.0.1:1", "token")
        self.watch_of_person = watch
        self.error = error
        self.settled = settled

    async def get(self, approval_id: str) -> ApprovalView:
        if self.settled:
            self.watch_of_person.changed(msgspec.structs.replace(SHORT, status="denied"))
        if self.error is not None:
            raise self.error
        return WHOLE


def asked(error: AgentGateError | None = None, *, settled: bool = False) -> list[str]:
    """Let a person be asked about what is shortened; return the questions."""
    terminal = Skipping()
    watch = Watch(terminal)
    watch.changed(SHORT)
    assert anyio.run(watch.ask_one, Desk(watch, error, settled=settled), SHORT)
    return terminal.questions


def test_what_is_shortened_is_fetched_before_it_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(asked()) == 1
    assert 'text = "open the door"' in click.unstyle(capsys.readouterr().out)


def test_what_was_settled_while_it_was_fetched_is_not_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gone = AgentGateError(ErrorCode.NOT_FOUND, "no such approval waits")
    assert asked(gone, settled=True) == []
    assert "open" not in capsys.readouterr().out


def test_what_is_too_large_to_be_fetched_is_asked_with_its_beginning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(asked(AgentGateError(ErrorCode.LIMIT_EXCEEDED, "too much for one"))) == 1
    shown = click.unstyle(capsys.readouterr().out)
    assert '{"text":"open' in shown
    assert "more than can be shown" in shown


def test_any_other_error_is_told() -> None:
    with pytest.raises(AgentGateError, match="closed"):
        asked(AgentGateError(ErrorCode.CONNECTION_LOST, "closed"))
