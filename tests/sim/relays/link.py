"""A link between two gateways of a world: the adapter's own link, on a socket of the world.

Real are the link, its logins, readings, tools and the client's driver with its machine. Simulated
is what the driver does in tasks: dialling, the pump, and sleeping until a deadline.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sim.gateway import Life
from tests.sim.links import Link
from tests.sim.relays.errands import Errand, StoppedError
from tests.sim.timeline import Alarm
from tests.sim.tools import RUNNER, Tools

from agentgate_client.driver import Driver
from agentgate_client.endpoint import Endpoint
from agentgate_client.providing import ToolRunner
from agentgate_client.sessions import Sessions
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, StateChanged
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.ledger.effects import Run
from agentgate_proto.quotas.news import News
from agentgate_proto.records.outcome import Outcome
from agentgate_relay.gateway_link import REOPEN_S, GatewayLink, LinkClient, endpoint_of
from agentgate_relay.links import Links
from agentgate_relay.logins import Logins
from agentgate_relay.upstream_tools import UpstreamTools
from agentgate_server.relay.link import LinkNeeds
from agentgate_server.tools.runner import stopped
from agentgate_server.tools.tool import AsyncTool, Tool

if TYPE_CHECKING:
    from tests.sim.relays.site import Site


class SimPump:
    """What stands between a driver and its socket; see ``agentgate_client.pump``."""

    def __init__(self, driver: SimDriver) -> None:
        self._driver = driver

    def wake(self) -> None:
        """There may be something to send."""
        self._driver.flush()

    def hang_up(self) -> None:
        """Send what is left, and close the socket."""
        self._driver.flush()
        self._driver.let_go()


class SimDriver(Driver):
    """The driver of a link; see the module.

    Args:
        life: the process that it is in.
        behind: the gateway that it dials.
        endpoint, backoff, listener: see :class:`Driver`.
    """

    def __init__(
        self, life: Life, behind: Site, endpoint: Endpoint, backoff: Backoff, listener: Any
    ) -> None:
        super().__init__(endpoint, backoff, listener)
        self.machine = ClientMachine(self._connect, backoff)
        self.provided = ToolRunner(self.machine, self.turn)
        self.life = life
        self.behind = behind
        self.link: Link | None = None
        self.dials = 0
        self._ring_at = Alarm(life.world.timeline, self._rings)
        self._armed: float | None = None

    def begin(self) -> None:
        """What ``open`` does."""
        self.machine.open()
        self.turn()

    def check_loop(self) -> None:
        """There is no event loop."""

    # From the socket

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open, if it is still wanted."""
        if not self.life.alive or dial != self.dials:
            link.let_go(self)
        else:
            self.life.enter(self._dialed, link)

    def dial_failed(self, why: str, dial: int) -> None:
        """No socket could be opened."""
        if dial == self.dials:
            self.life.enter(self._dial_failed, why)

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self.life.enter(self._receive, self.link, data)

    def hear_end(self, reason: str) -> None:
        """The socket is at its end."""
        self.life.enter(self._hear_end, self.link, reason)

    def window_opens(self) -> None:
        """The other end has taken what was sent."""
        self.life.enter(self.flush)

    def flush(self) -> None:
        """Send what there is, as far as it is taken."""
        if self.link is not None and not self.link.up.full:
            data = self.machine.data_to_send()
            if data:
                self.link.up.put(data)

    def let_go(self) -> None:
        """Close the socket."""
        link, self.link = self.link, None
        if link is not None:
            link.let_go(self)

    def _dialed(self, link: Link) -> None:
        if self.machine.state is not ClientState.CONNECTING:
            link.let_go(self)
            return
        self.link = link
        self._pump = SimPump(self)  # type: ignore[assignment]
        self.machine.dialed(self.life.clock.now())
        self.turn()

    def _dial_failed(self, why: str) -> None:
        if self.machine.state is ClientState.CONNECTING:
            self.machine.dial_failed(why, self.life.clock.now(), final=False)
            self.turn()

    def _receive(self, link: Link | None, data: bytes) -> None:
        if link is not None and link is self.link:
            self.received(data)

    def _hear_end(self, link: Link | None, reason: str) -> None:
        if link is not None and link is self.link:
            self.lost(reason)

    # What the machine asks for

    def _dial(self) -> None:
        self.dials += 1
        self.behind.dial(self, self.dials)

    def _set_alarm(self) -> None:
        deadline = self.machine.next_deadline()
        if deadline != self._armed:
            self._armed = deadline
            if deadline is not None:
                self._ring_at.arm(self.life.clock.moment(deadline))

    def _rings(self) -> None:
        self.life.enter(self._ring)

    def _ring(self) -> None:
        now = self.life.clock.now()
        self._armed = None
        deadline = self.machine.next_deadline()
        if deadline is not None and deadline <= now:
            self.life.world.wakes += 1
            self.machine.handle_timer(now)
            after = self.machine.next_deadline()
            if after is not None and after <= now:
                self.life.world.fail("I10: a timer of the link spins")
        self.turn()

    def _connect(self, now: float) -> ClientConnection:
        masks = self.life.world.masks
        return ClientConnection("gate.example", "/", self.endpoint.auth, now, masks=masks)


class SimClient(LinkClient):
    """The client of a link, with such a driver."""

    def __init__(self, link: SimLink, epoch: str) -> None:
        backoff = link.backoff()
        endpoint = endpoint_of(link.config, f"relay:{epoch}:{link.name}")
        self._driver = SimDriver(link.life, link.behind, endpoint, backoff, self)
        self._on_state = link.changed
        self._openings = []
        self._news = News()
        self._in_use = self._connected = False
        self.sessions = Sessions(self._driver)


class SimLink(GatewayLink):
    """A link; see the module.

    Args:
        life: the process that it is in.
        behind: the gateway behind it.
        name, needs, look: see :class:`GatewayLink`.
    """

    def __init__(self, life: Life, behind: Site, name: str, needs: LinkNeeds, look: Any) -> None:
        rng = life.world.process_chance
        self.backoff = lambda: Backoff(jitter=True, rng=rng)
        super().__init__(name, needs.upstreams[name], needs.epoch, look, self.backoff)  # type: ignore[index]
        self.life = life
        self.behind = behind

    def begin(self) -> None:
        """What ``run`` begins with."""
        self._client = SimClient(self, self._epoch())
        self._logins = Logins(self._client.driver)
        self.sim_driver.begin()

    @property
    def sim_driver(self) -> SimDriver:
        """Its driver."""
        driver = self.driver
        assert isinstance(driver, SimDriver)
        return driver

    def changed(self, change: StateChanged) -> None:
        """Its client stands otherwise to its gateway; ``run`` opens it again in a while."""
        self._state_changed(change)
        if change.state is ClientState.CLOSED:
            self.life.world.count("links closed")
            timeline = self.life.world.timeline
            timeline.after(REOPEN_S, self.life.enter, self.sim_driver.begin)


class SimLinks(Links):
    """All links of a process."""

    def __init__(self, life: Life, behind: Site, needs: LinkNeeds) -> None:
        super().__init__(needs)
        for name in needs.upstreams:
            link = SimLink(life, behind, str(name), needs, self.look)
            self._links[link.name] = link
            self._tools[link.name] = UpstreamTools(link, needs.record, needs.epoch)

    @property
    def all(self) -> list[SimLink]:
        """Each of them."""
        return [each for each in self._links.values() if isinstance(each, SimLink)]


class SiteTools(Tools):
    """The tools of a process, of which some are run by others."""

    life: Life

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.errands: dict[str, Errand] = {}

    def start_task(self, run: Run, tool: Tool, args: dict[str, object]) -> None:
        """See :class:`Tools`."""
        rid = run.rid
        if not isinstance(tool, AsyncTool) or tool.backend not in ("gateway", "provided"):
            super().start_task(run, tool, args)
            return

        def done(outcome: Outcome) -> None:
            del self.errands[rid]
            self.finished(rid, outcome)

        self.errands[rid] = errand = Errand(Life.at_work, partial(outcome_of, tool, args), done)
        errand.after(0.0, errand.begin)

    def stop(self, rid: str) -> None:
        """See :class:`Tools`."""
        if rid in self.errands:
            self.errands[rid].after(0.0, lambda: self._stop(rid))
        else:
            super().stop(rid)

    def close(self) -> None:
        """See :class:`Tools`."""
        super().close()
        for rid in list(self.errands):
            self.stop(rid)

    def _stop(self, rid: str) -> None:
        if rid in self.errands:
            self.errands[rid].throw(StoppedError())


async def outcome_of(tool: AsyncTool, args: dict[str, Any]) -> Outcome:
    """Run a tool, and say how it ended, as the runner does."""
    try:
        value = await tool.run(args)
    except StoppedError:
        return stopped(tool)
    except Exception as error:
        return RUNNER.explain(tool, error)
    return RUNNER.encoded(tool, value)
