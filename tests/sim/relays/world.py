"""A world of two gateways: consoles and agents, a controller, its link, a manager.

As in the worlds of one gateway, a plan is played with all its faults, then the faults stop, and
everything must come to its end: every console must show every line, once and in order.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NoReturn

import msgspec
from tests.sim.agents import SdkAgent
from tests.sim.faults import Violation
from tests.sim.links import Link
from tests.sim.oracle import Oracle
from tests.sim.plan import AgentPlan, Ask
from tests.sim.relays.askers import AskingDevice
from tests.sim.relays.consoles import Console
from tests.sim.relays.devices import Device
from tests.sim.relays.errands import virtual
from tests.sim.relays.oracle import RelayOracle
from tests.sim.relays.plan import RelayPlan
from tests.sim.relays.site import Site
from tests.sim.timeline import Endless, Timeline
from tests.sim.world import STEPS_MAX, Watch, shown, where

SETTLE_S = 2_400.0
"""Within which everything settles once faults have stopped: messages wait for one another, each for
its model and its tools, and these for people."""

IDLE_S = 60.0


class LinkPlace:
    """Where the link stands at the manager, for faults that strike it."""

    name = "the link"

    def __init__(self, front: Site) -> None:
        self._front = front
        self.plan = AgentPlan(self.name, "bridge", "relay", 1.0)

    @property
    def process(self) -> Any:
        """What has dialled; see :meth:`World._place_of`."""
        links = self._front.links[-1].all if self._front.links else []
        return links[0].sim_driver if links and links[0]._client is not None else None

    @property
    def link(self) -> Link | None:
        """Its socket."""
        process = self.process
        return process.link if process is not None else None

    def kill(self, seconds: float) -> None:
        """It has no process of its own: its socket breaks."""
        link = self.link
        if link is not None:
            link.break_off("reset by peer")


class RelayWorld:
    """See the module.

    Args:
        plan: what is going to happen.
        story: where to tell it, or None.
    """

    def __init__(self, plan: RelayPlan, story: list[str] | None = None) -> None:
        self.plan = plan
        self.story = story
        self.timeline = Timeline()
        self.counts: Counter[str] = Counter()
        self.masks = Random(0)
        self.back = Site(self, "back", plan.back, None)
        self.front = Site(self, "front", plan.front, self.back)
        self.sites = {"front": self.front, "back": self.back}
        self.oracle = RelayOracle(self)
        self.consoles = [Console(self, each) for each in plan.consoles]
        asker = plan.front.agents[0]
        self.asker = SdkAgent(self.front, asker)
        self.front.agents = self.front.places = [self.asker, *self._at("front")]
        self.device = Device(self.back, plan.back.agents[1])
        self.neighbour = SdkAgent(self.back, plan.back.agents[2])
        self.hall = AskingDevice(self.back, plan.back.agents[3])
        at_back = (LinkPlace(self.front), self.device, self.neighbour, self.hall)
        self.back.agents = self.back.places = [*at_back, *self._at("back")]

    def _at(self, site: str) -> list[Console]:
        return [each for each in self.consoles if each.plan.site == site]

    def chance(self, what: str) -> Random:
        """A source of chance for one kind of thing."""
        return Random(f"{self.plan.seed} {what}")

    def run(self) -> Violation | None:
        """Play the plan; return what was broken, if anything."""
        watches = [Watch(self.front)]  # one is enough: it hears what either logs
        try:
            with virtual():
                self._play()
                self._heal()
                self._settle()
                self._rest()
        except Violation as violation:
            return violation
        except Exception as error:  # a bug is a violation too
            error.add_note(f"seed {self.plan.seed} at {self.timeline.now:.6f} s")
            return Violation(f"{type(error).__name__}: {error} ({where(error)})")
        finally:
            for watch in watches:
                watch.end()
            for site in self.sites.values():
                self.counts += site.counts
                for how, times in site.oracle.outcomes.items():
                    self.counts[f"{site.name} told {how}"] += times
        return None

    def _play(self) -> None:
        timeline, plan = self.timeline, self.plan
        for site in (self.back, self.front):
            site.boot()
            timeline.at(0.01, site.people.terminal.open)
        for each in (self.asker, self.device, self.neighbour, self.hall):
            timeline.at(0.01, each.start)
        for place, console in enumerate(self.consoles):
            timeline.at(0.02 * place, console.start)
        for ask in plan.asks:
            timeline.at(1.0 + ask.at, self._ask, ask)
        for prompt in plan.prompts:
            timeline.at(0.5 + prompt.at, self.hall.ask, prompt.name)
        for chat in plan.chats:
            timeline.at(0.5 + chat.at, self.consoles[chat.console].say, chat)
        for strike in plan.strikes:
            timeline.at(strike.fault.at, self.sites[strike.site].mishaps.strike, strike.fault)
        self._run_until(plan.until)

    def _ask(self, ask: Ask) -> None:
        """An agent of the controller asks for a tool of the manager, or one of the manager's."""
        if ask.agent:
            self.neighbour.ask(msgspec.structs.replace(ask, agent=2))
        elif self.asker.process is not None:
            there = Ask(ask.number, 0, ask.at, ask.tool.partition(".")[2], ask.content)
            Oracle.asks(self.back.oracle, self.back.plan.agents[0], there)
            self.asker.ask(ask)

    def _heal(self) -> None:
        self.tell("world", "faults stop")
        for site in self.sites.values():
            site.mishaps.stop()
        for site in (self.back, self.front):
            if site.life is None:
                site.boot()

    def _settle(self) -> None:
        bound = self.timeline.now + SETTLE_S
        while why := self.why_unsettled():
            if self.timeline.now >= bound:
                self.fail(f"I10: {why}")
            self._run_until(self.timeline.now + 5.0)

    def _rest(self) -> None:
        """Nothing goes on in a settled world but keep-alives."""
        self.asker.collect()
        self.neighbour.collect()
        self._run_until(self.timeline.now + 10.0)
        wakes = self.front.wakes + self.back.wakes
        self._run_until(self.timeline.now + IDLE_S)
        spent = self.front.wakes + self.back.wakes - wakes
        peers = sum(len(site.life.peers) for site in self.sites.values() if site.life is not None)
        if spent > (peers + 6) * 20:
            self.fail(f"I10: {spent} wake-ups of {peers} connections in {IDLE_S} idle s")
        if why := self.why_unsettled():
            self.fail(f"I10: it begins again: {why}")
        self.oracle.rest()
        self.hall.look()

    def why_unsettled(self) -> str:
        """What is under way, or nothing."""
        for site in self.sites.values():
            if site.life is None:
                return f"{site.name} does not come up"
            if site.life.frozen_until > self.timeline.now:
                return f"{site.name} is frozen"
            gate = site.life.gate
            for live in gate.ledger._lifecycle.live.values():
                return f"{site.name}: {live.record.signature} is {live.record.phase}"
            if gate.writer.changes_open:
                return f"{site.name} has changes that are not written"
            if why := site._why_sessions_are_not():
                return f"{site.name}: {why}"
        for agent in (self.asker, self.neighbour):
            if not agent.idle:
                return f"{agent.name} waits for {list(agent.missing())}"
        if self.asker.process is not None and not self.front.links[-1].all[0].state.is_up:
            return f"the link is {self.front.links[-1].all[0].state}"
        if why := self.hall.why_unsettled():
            return why
        for console in self.consoles:
            if why := console.why_unsettled():
                return f"{console.name} {why}"
        return ""

    def _run_until(self, moment: float) -> None:
        try:
            self.timeline.run(moment, 2 * STEPS_MAX)
        except Endless as endless:
            self.fail(f"I10: {endless}")

    def tell(self, *words: object) -> None:
        """Tell it, if somebody listens."""
        if self.story is not None:
            self.story.append(f"{self.timeline.now:10.4f}  {' '.join(map(shown, words))}")

    def fail(self, text: str) -> NoReturn:
        """Something is broken: the world ends."""
        self.tell("ORACLE", text)
        raise Violation(text)
