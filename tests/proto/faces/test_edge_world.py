"""A device in a world of its own, on virtual time: its line, the gateway, the disk and the model
fail whenever chance says so. The sessions are the real ones, and so is the face.

Afterwards everything heals, and then each prompt that the gateway has stored has been answered:
once, or once more for each time that a line broke before the receipt was on disk.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from tests.chance import seeds
from tests.proto.session_models import said
from tests.proto.session_world import World

from agentgate_proto.faces.conversing import Call, Close, Send, Unwatch, Watch
from agentgate_proto.faces.edge import PING_S, Device
from agentgate_proto.models.events import TextDelta
from agentgate_proto.rpc.session_methods import Attached
from agentgate_proto.sessions.effects import Done

STEPS = 160
AT = "2025-11-29T18:13:20.000Z"


class Line:
    """One connection of the device, in one process of the gateway.

    Attributes:
        frames: on their way to the device.
        answered: what the device got on it, by request.
        is_open: neither end has closed it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.device = Device(world.now)
        self.frames: list[dict[str, Any]] = []
        self.answered: Counter[str] = Counter()
        self.is_open = True
        self._asked: dict[str, Any] = {}  # effects, by ticket
        self._at: tuple[str, int] | None = None
        self.work()

    def work(self) -> None:
        """Do what the face wants done, tell it what was answered, and hand over events."""
        moves = True
        while moves and self.is_open:
            moves = False
            while (effect := self.device.next_effect()) is not None and self.is_open:
                self._do(effect)
                moves = True
            for ticket in [name for name in self._asked if name in self.world.told]:
                self._answered(self._asked.pop(ticket), self.world.told[ticket][0])
                moves = True
            if not moves and self._at is not None:
                session, offset = self._at
                events = self.world.watch(session, offset)
                if events:
                    self._at = session, events[-1].offset + events[-1].count
                    self.device.take(events)
                    moves = True

    def _do(self, effect: Any) -> None:
        match effect:
            case Send(text):
                self.frames.append(json.loads(text))
            case Call() | Watch():
                self._asked[self.world.request(effect.params, "pi")] = effect
            case Unwatch():
                self._at = None
            case Close():
                self.is_open = False

    def _answered(self, effect: Any, told: Any) -> None:
        if not isinstance(told, Done):
            self.device.failed(effect, told.code, told.message, None, self.world.now)
            return
        if isinstance(effect, Watch):
            assert isinstance(told.result, Attached)
            self._at = effect.params.session, told.result.offset
        self.device.succeeded(effect, told.result, self.world.now)

    def say(self, kind: str, **payload: Any) -> None:
        if self.is_open:
            message = {"type": kind, "payload": payload, "timestamp": AT}
            self.device.receive(json.dumps(message), self.world.now)
            self.work()


class Story:
    """What happens in one world."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world = World()
        self.line = Line(self.world)
        self.asked: list[str] = []
        self.got: Counter[str] = Counter()
        self.texts: dict[str, set[str]] = {}
        self.spare: Counter[str] = Counter()  # times that an answer may come again
        self.unsure: dict[str, None] = {}  # got on this line, and perhaps without a receipt on disk

    def step(self) -> None:
        chance = self.rng.choice
        acts = (
            *(self.ask,) * 3,
            *(self.deliver,) * 4,
            *(self.store,) * 5,
            *(self.model,) * 4,
            *(self.drop, self.kill, self.fail, self.again, self.wait),
        )
        chance(acts)()
        self.line.work()

    def ask(self) -> None:
        name = str(len(self.asked))
        self.asked.append(name)
        self.line.say("agent_request", requestId=name, prompt=f"prompt {name}")

    def again(self) -> None:
        """The device sends one a second time, as if it had not got the answer."""
        if self.asked:
            name = self.rng.choice(self.asked)
            self.spare[name] += 1
            self.line.say("agent_request", requestId=name, prompt=f"prompt {name}")

    def deliver(self) -> None:
        """Frames reach the device, some of them or all."""
        count = self.rng.randrange(len(self.line.frames) + 1)
        for _ in range(count):
            self.take(self.line.frames.pop(0))

    def take(self, frame: dict[str, Any]) -> None:
        payload = frame["payload"]
        if frame["type"] == "ping":
            self.line.say("pong")
        elif frame["type"] == "agent_response":
            name, text = payload["requestId"], payload["result"]["response"]
            self.texts.setdefault(name, set()).add(text)
            if not text.startswith("Error: ") or "the run is" in text:
                self.got[name] += 1
                self.unsure[name] = None
                assert self.got[name] <= 1 + self.spare[name], f"{name} was answered again"

    def store(self) -> None:
        if self.world.making:
            self.world.make_workspaces()
        elif self.world.preparing:
            self.world.prepare()
        else:
            self.world.sync(self.rng.choice((1, 1, 9)))

    def model(self) -> None:
        if self.world.calls:
            part = [TextDelta("well ")]
            self.world.say(*(part if self.rng.random() < 0.3 else said("yes")))

    def fail(self) -> None:
        self.world.fail()

    def wait(self) -> None:
        self.world.wait(self.rng.choice((0.5, 5.0, PING_S)))
        if self.line.is_open:
            self.line.device.handle_timer(self.world.now)

    def drop(self) -> None:
        """The line breaks: what was on its way is lost, and receipts may be."""
        self.spare.update(self.unsure.keys())
        self.unsure.clear()
        lost = [one for one in self.line.frames if one["type"] == "agent_response"]
        self.line.is_open = False
        self.line = Line(self.world)
        assert lost is not None

    def kill(self) -> None:
        """The gateway dies. What its store did not tell it of is there, or it is not."""
        if self.rng.random() < 0.5:
            self.world.sync_rows_only()
        self.world.kill()
        self.drop()

    def heal(self) -> None:
        """Everything goes well from here on, and long enough."""
        self.drop()
        for _ in range(100):
            self.world.settle()
            self.line.work()
            if self.line.is_open:
                self.line.device.handle_timer(self.world.now)
            self.line.work()
            while self.line.frames:
                self.take(self.line.frames.pop(0))
            if not self.line.is_open:
                self.drop()
            if not (self.line.frames or self.world.queue or self.world.calls):
                return
        raise AssertionError("something goes on for ever")

    def check(self) -> None:
        stored = Counter(
            data["message_id"]
            for name in self.world.store.sessions
            for data in self.world.data(name, "message")
        )
        assert set(stored.values()) <= {1}, "each prompt is one message"
        for message in stored:
            assert self.got[message.removeprefix("edge:")], f"{message} was never answered"
        for name, texts in self.texts.items():
            good = {text for text in texts if text == "yes"}
            assert not good or f"edge:{name}" in stored


@pytest.mark.parametrize("seed", [*range(20), *seeds(40)])
def test_a_device_is_answered_whatever_goes_wrong(seed: int) -> None:
    story = Story(seed)
    for _ in range(STEPS):
        story.step()
    story.heal()
    story.check()
    before = dict(story.got)
    story.heal()
    assert dict(story.got) == before, "what has its receipt does not come again"
