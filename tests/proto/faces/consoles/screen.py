"""A console in tests: what it is told, and what it wants done, which the test does for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.consoles.console import Console
from agentgate_proto.faces.consoles.controller import ControllerConsole
from agentgate_proto.faces.consoles.effects import (
    Answer,
    Choose,
    Effect,
    Emit,
    LogIn,
    LogOut,
    Read,
    Say,
    StopReading,
)
from agentgate_proto.faces.consoles.manager import ManagerConsole
from agentgate_proto.faces.consoles.waiting import Waiting
from agentgate_proto.rpc.agent_methods import AgentLogin

NOW = 100.0
AT = "2024-01-01T00:00:00Z"

Kind = TypeVar("Kind")


def login_of(agent: str = "a1", name: str = "Ada", oldest: int = 0) -> AgentLogin:
    return AgentLogin(
        agent=agent, name=name, session=f"agent:{agent}", epoch="e", oldest=oldest, next=oldest
    )


@dataclass
class Event:
    """An event of a session's log."""

    kind: str
    data: dict[str, Any]
    at: str = AT
    count: int = 1


def said(text: str = "Hi") -> Event:
    return Event("message", {"run": "r", "message_id": "m", "text": text})


def answered(text: str = "Hello") -> Event:
    return Event("reply", {"run": "r", "text": text, "stop": "end"})


@dataclass
class Screen:
    """See the module.

    Attributes:
        console: the machine.
        told: what it emitted, in order: event and payload.
        acks: what it acknowledged, by number.
        todo: its other effects that were not looked at, in order.
    """

    console: Console
    now: float = NOW
    told: list[tuple[str, Any]] = field(default_factory=list)
    acks: dict[int, Any] = field(default_factory=dict)
    todo: list[Effect] = field(default_factory=list)

    def look(self) -> Screen:
        while (effect := self.console.next_effect()) is not None:
            match effect:
                case Emit(event, payload):
                    self.told.append((event, json.loads(msgspec.json.encode(payload))))
                case Answer(ack, payload):
                    assert ack not in self.acks, "it is acknowledged once"
                    self.acks[ack] = json.loads(msgspec.json.encode(payload))
                case _:
                    self.todo.append(effect)
        return self

    def emit(self, event: str, *args: Any, ack: int | None = None) -> Screen:
        self.console.receive(event, args, ack, self.now)
        return self.look()

    def next(self, kind: type[Kind]) -> Kind:
        """Take the oldest effect, which must be of this kind."""
        effect = self.todo.pop(0)
        assert isinstance(effect, kind), effect
        return effect

    def only(self, kind: type[Kind]) -> Kind:
        """Take the only effect."""
        assert len(self.todo) == 1, self.todo
        return self.next(kind)

    def log_in(self, login: AgentLogin | None = None) -> Screen:
        """The oldest effect is a login, which goes well."""
        self.console.talks.logged_in(self.next(LogIn).number, login or login_of(), self.now)
        return self.look()

    def refuse(
        self, code: ErrorCode = ErrorCode.LOGIN_FAILED, words: str = "", data: Any = None
    ) -> Screen:
        """The oldest effect is a login or a message, which goes wrong."""
        match self.todo.pop(0):
            case LogIn(number):
                self.console.talks.login_failed(number, code, words, data, self.now)
            case Say(number):
                self.console.talks.not_said(number, code, words)
            case effect:
                raise AssertionError(effect)
        return self.look()

    def taken(self) -> Screen:
        """The oldest effect is a message, which is taken."""
        self.console.talks.said(self.next(Say).number)
        return self.look()

    def read(self, number: int, *events: Event) -> Screen:
        self.console.talks.take(number, events)
        return self.look()

    def at(self, now: float) -> Screen:
        """Let time pass."""
        self.now = now
        self.console.handle_timer(now)
        return self.look()

    def clear(self) -> Screen:
        self.told.clear()
        self.todo.clear()
        return self

    def fresh(self) -> list[tuple[str, Any]]:
        """Return what it was told since the last look."""
        told, self.told = self.told, []
        return told


def manager(waiting: Waiting | None = None, principal: str = "anna") -> Screen:
    return Screen(ManagerConsole(principal, "p", waiting or Waiting()))


def controller(waiting: Waiting | None = None) -> Screen:
    return Screen(ControllerConsole("anna", "p", waiting or Waiting()))


def with_agent(agent: str = "a1", name: str = "Ada") -> tuple[Screen, int]:
    """A console of a manager that is logged in to an agent; with the number of the reading."""
    screen = manager().emit("login", {"agentId": agent, "password": "s"})
    screen.log_in(login_of(agent, name))
    return screen, reading(screen)


def reading(screen: Screen) -> int:
    """Take the oldest effect, a reading, and forget what was told."""
    number = screen.next(Read).number
    screen.told.clear()
    return number


__all__ = ["Choose", "LogOut", "StopReading"]
