"""The models of the worlds: they say what is drawn, on virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from tests.sim.talks import Setting
from tests.sim.tools import CATALOGUE

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.effects import CallModel
from agentgate_server.sessions.model_desk import ModelDesk, Said

if TYPE_CHECKING:
    from tests.sim.world import World

NAMES = ("m", "n")
"""Of the models; a third one has no price that is known."""

UNPRICED = "free"
STALL_S = 30.0
"""A model that says nothing for so long is given up."""

ODD_TOOLS = ("forbidden", "no_such_tool")
CALL_IDS = ("c1", "c2", "toolu_3", "")
"""Vendors promise no more than that ids differ within one answer, and not all of them that."""


class Tariff:
    """A micro-dollar for each token, or nobody knows."""

    version = "sim"

    def __init__(self, *, is_known: bool) -> None:
        self.is_known = is_known

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """See :class:`agentgate_proto.models.info.Pricing`."""
        return usage.input + usage.output if self.is_known else None


class SimModel:
    """What is known of a model. What it says comes from ``Models``."""

    def __init__(self, name: str, setting: Setting) -> None:
        most = max_tokens(setting)
        self.info = ModelInfo(
            name=name,
            model_id=f"{name}-1",
            backend=setting.backend,
            max_tokens=most,
            context_tokens=20_000 + most,
            pricing=Tariff(is_known=name != UNPRICED),
        )

    def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        """There are no streams here."""
        raise NotImplementedError

    async def count(self, request: Encoded) -> int | None:
        """See :class:`agentgate_server.models.model.Model`."""
        return len(request.body) // 3

    def problem(self) -> str:
        """See :class:`agentgate_server.models.model.Model`."""
        return ""

    async def aclose(self) -> None:
        """There is nothing to let go of."""


def max_tokens(setting: Setting) -> int:
    """What an answer may take: no answer that is drawn takes more, so that budgets hold."""
    return 100 + 10 * setting.piece_chars


Line = tuple[float, ModelEvent]
"""Something that a model says, and the seconds before it."""


class Writer:
    """Draws what models say, for a whole world.

    Attributes:
        contents: what the tools were asked for so far, by principal; the newest last.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = world.plan.chance("models")
        self.setting = world.plan.setting
        self.pieces = 0
        self.contents: dict[str, list[tuple[str, int]]] = {}
        self.last_content = 1_000_000

    def draw(self, call: CallModel, principal: str) -> deque[Line]:
        """Draw a whole answer, or one that goes wrong."""
        rng, events = self.rng, list[ModelEvent]()
        if rng.random() < 0.3:
            events += [ThinkingDelta(self._piece()) for _ in range(rng.choice((1, 2, 5)))]
        events += [TextDelta(self._piece()) for _ in range(rng.choice((0, 1, 2, 5, 12)))]
        if rng.random() < 0.1:
            events.insert(rng.randrange(len(events) + 1), Noted("another model goes on"))
        if rng.random() < self.setting.trouble * 0.3:
            events.insert(rng.randrange(len(events) + 1), Restarted("the other one failed"))
            events.append(TextDelta(self._piece()))
        calls = []
        if rng.random() < 0.55:
            calls = [self._call(principal) for _ in range(rng.choice((1, 1, 2, 3)))]
            events += calls
        stop = Stop.TOOLS if calls else Stop.END
        if rng.random() < 0.05:
            stop = rng.choice((Stop.MAX_TOKENS, Stop.REFUSAL, Stop.END))
        output = min(sum(map(chars_of, events)) // 4 + 1, max_tokens(self.setting))
        if rng.random() < 0.9:
            usage = UsageSeen(Usage(input=len(call.request.body) // 4, output=output))
            events.insert(rng.randrange(len(events) + 1), usage)
        events.append(Ended(stop=stop, model_id="" if rng.random() < 0.5 else f"{call.model}-1"))
        lines = [(rng.random() * self.setting.piece_s, event) for event in events]
        if rng.random() < self.setting.trouble:
            del lines[rng.randrange(len(lines)) :]
            lines.append(self._trouble())
        return deque(lines)

    def _trouble(self) -> Line:
        rng = self.rng
        match rng.randrange(5):
            case 0:
                again = rng.choice((None, 0.0, 2.0, 1_000.0))
                return 0.1, Failed(
                    failure=Failure.RETRYABLE, message="overloaded", retry_after_s=again
                )
            case 1:
                return 0.1, Failed(failure=Failure.RETRYABLE, message="a server's error")
            case 2:
                return 0.1, Failed(failure=Failure.TRUNCATED, message="it broke off")
            case 3:
                return STALL_S, Failed(failure=Failure.TRUNCATED, message="it stalled")
            case _:
                return 0.1, Failed(failure=Failure.FATAL, message="a bad request")

    def _piece(self) -> str:
        self.pieces += 1
        word = f"w{self.pieces} "
        return word + "." * (self.setting.piece_chars - len(word))

    def _call(self, principal: str) -> CallMade:
        rng = self.rng
        name = rng.choice(CALL_IDS)
        if rng.random() < 0.05:
            return CallMade(id=name, name="set", args=msgspec.Raw(b"{}"), problem="no object")
        if rng.random() < 0.1:
            return CallMade(id=name, name=rng.choice(ODD_TOOLS), args=msgspec.Raw(b'{"n":0}'))
        if rng.random() < 0.05:
            return CallMade(id=name, name="set", args=msgspec.Raw(b'{"x":1}'))
        former = self.contents.setdefault(principal, [])
        if former and rng.random() < 0.1:
            tool, content = rng.choice(former[-5:])
        else:
            self.last_content += 1
            tool, content = rng.choice(TOOLS), self.last_content
            former.append((tool, content))
        return CallMade(id=name, name=tool, args=msgspec.Raw(b'{"n":%d}' % content))


TOOLS = sorted(tool.name for tool in CATALOGUE if tool.name not in ODD_TOOLS)


def chars_of(event: ModelEvent) -> int:
    """How much of its vendor's output a thing is, about."""
    match event:
        case TextDelta(text=text) | ThinkingDelta(text=text):
            return len(text)
        case CallMade(args=args):
            return len(bytes(args))
        case _:
            return 0


class Models(ModelDesk):
    """The models that are asked in one process of the gateway.

    Args:
        world: around it.
        enter: does something in this process.
        models: by name.
        said: hears what they say.
    """

    def __init__(
        self, world: World, enter: object, models: dict[str, SimModel], said: Said
    ) -> None:
        super().__init__(models, said, unused, unused)
        self.world = world
        self.enter = enter
        self.now: dict[str, deque[Line]] = {}

    def ask(self, call: CallModel) -> None:
        """See :class:`agentgate_server.sessions.model_desk.ModelDesk`."""
        principal = self.world.disk.sessions.sessions[call.session].principal
        lines = self.now[call.call] = self.world.writer.draw(call, principal)
        self._wait(call, call.after_s + lines[0][0])

    def stop(self, call: str) -> None:
        """See :class:`agentgate_server.sessions.model_desk.ModelDesk`."""
        self.now.pop(call, None)

    def close(self) -> None:
        """See :class:`agentgate_server.sessions.model_desk.ModelDesk`."""
        self.now.clear()

    def _wait(self, call: CallModel, seconds: float) -> None:
        self.world.timeline.after(seconds, self.enter, self._say, call)

    def _say(self, call: CallModel) -> None:
        lines = self.now.get(call.call)
        if lines is None:
            return  # it was stopped
        _, event = lines.popleft()
        if not lines:
            del self.now[call.call]
        self.world.oracle.sessions.says(call, event)
        self._said(call.session, call.call, (event,))
        if lines and call.call in self.now:
            self._wait(call, lines[0][0])


def unused(*_: object) -> None:
    """There are no tasks here."""
    raise NotImplementedError
