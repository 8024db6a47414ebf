"""A gate in the plainest way, for sessions that ask for tools: it outlives their processes."""

from __future__ import annotations

from collections.abc import Mapping

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Outcome, Status, ended, unknown
from agentgate_proto.sessions.effects import AskTool

Key = tuple[str, str]
"""A session and a call."""


class Gate:
    """Keeps what a ledger promises: a call runs once, and its outcome is kept until it is
    acknowledged.

    Attributes:
        asked: all that was asked for, in order.
        waiting: calls that wait for a person.
        running: calls whose tools run.
        outcomes: how calls have ended that are not acknowledged.
        running_says: what is said to who withdraws a call whose tool runs.
        holds: tools that wait for a person.
        open_for: sessions that may ask.
        acknowledged: calls whose outcomes are forgotten.
    """

    def __init__(self) -> None:
        self.asked: list[AskTool] = []
        self.waiting: dict[Key, None] = {}
        self.running: dict[Key, None] = {}
        self.outcomes: dict[Key, Outcome] = {}
        self.holds = {"exceed_budget"}
        self.running_says = "stopping"
        self.open_for: dict[str, None] = {}
        self.acknowledged: list[Key] = []

    def open(self, session: str) -> tuple[Mapping[str, Outcome], list[str]]:
        """A session may ask; return its outcomes, and which of its calls have none yet."""
        assert session not in self.open_for, "it is opened once"
        self.open_for[session] = None
        outcomes = {call: out for (name, call), out in self.outcomes.items() if name == session}
        pending = [call for name, call in (*self.waiting, *self.running) if name == session]
        return outcomes, pending

    def close(self, session: str) -> None:
        """It asks for no more."""
        del self.open_for[session]

    def ask(self, effect: AskTool) -> None:
        """Ask for a tool."""
        key = effect.session, effect.call
        assert effect.session in self.open_for, "only then it may ask"
        assert key not in [(each.session, each.call) for each in self.asked], "never twice"
        self.asked.append(effect)
        (self.waiting if effect.tool in self.holds else self.running)[key] = None

    def approve(self, session: str, call: str) -> None:
        """A person says yes."""
        del self.waiting[session, call]
        self.running[session, call] = None

    def finish(self, session: str, call: str, outcome: Outcome) -> bool:
        """A call ends; return whether its session hears of it."""
        key = session, call
        (self.running if key in self.running else self.waiting).pop(key)
        self.outcomes[key] = outcome
        return session in self.open_for

    def cancel(self, session: str, call: str) -> tuple[str, Outcome | None]:
        """Withdraw a call; return the status, and the outcome if there is one."""
        key = session, call
        if key in self.waiting:
            del self.waiting[key]
            self.outcomes[key] = ended(Status.CANCELLED, ErrorCode.INVALID_REQUEST, "withdrawn")
            return "cancelled", self.outcomes[key]
        if key in self.running:
            return self.running_says, None
        return "unknown_request", None

    def acknowledge(self, session: str, call: str) -> None:
        """The outcome is in the log of the session."""
        del self.outcomes[session, call]
        self.acknowledged.append((session, call))

    def process_died(self) -> None:
        """What ran has an unknown outcome, and nobody may ask."""
        for key in self.running:
            self.outcomes[key] = unknown("the process died")
        self.running.clear()
        self.open_for.clear()
