"""Observers: what happens in a gate, told once to whoever keeps logs, metrics or traces of it.

The gate calls one :class:`Observers`, which passes each event on. An observer does no slow work,
and for a request that nobody need hear of as good as none: the events of one allowed ``read`` lie
on its way to the answer.

The events of one request carry its rid, in this order::

    decided → asked → answered → started → ended → sent → received

``asked`` and ``answered`` come only where a person decides, and both when they are durable;
``ended`` comes once for each request that was decided, except for one that was refused for want of
room. ``sent`` may come before ``ended`` where nothing had to be durable first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import Change, Put
from agentgate_proto.records.usage import UsageRow

P = ParamSpec("P")

Known = Callable[[str], bool]
"""Says whether a request, by rid, is still under way."""


class Observer:
    """Hears what happens. Each method does nothing here; an observer overrides what it wants."""

    def decided(self, record: Record, decision: Decision) -> None:
        """The policy has spoken about a new request."""

    def asked(self, record: Record) -> None:
        """A person can see the approval; after a restart too."""

    def answered(self, record: Record) -> None:
        """The approval is settled: by a person, by time, or by its agent."""

    def started(self, rid: str, tool: str) -> None:
        """The tool is being started."""

    def ended(self, record: Record) -> None:
        """The request has its outcome."""

    def sent(self, rid: str) -> None:
        """The outcome was sent to a client that is there."""

    def received(self, agent: str, rids: tuple[str, ...]) -> None:
        """The client has these outcomes for certain."""

    def refused(self, agent: str, tool: str, code: ErrorCode) -> None:
        """A tool request was not taken; ``tool`` is "" where it is not known."""

    def capped(self, owner: str, cap: str) -> None:
        """Something was refused, or ended, because somebody had their share.

        Args:
            owner: a principal's name, or a stranger's address.
            cap: what it was too much of, one of the program's own words: no text of a client's.
        """

    def connected(self, principal: Principal, address: str) -> None:
        """Somebody has given a good token on a connection."""

    def disconnected(self, principal: Principal, code: int) -> None:
        """A connection of somebody known is over."""

    def login_failed(self, address: str) -> None:
        """Somebody has given a wrong token."""

    def agent_login_failed(self, agent: str, by: str, behalf: str, address: str) -> None:
        """Somebody has given a wrong password; ``agent`` is "" where there is none of that name,
        ``behalf`` for whom a relay has."""

    def committed(self, rows: int, took_s: float, problem: str) -> None:
        """The store has written a batch, or has not: ``problem`` says why."""

    def shown(self, channel: str) -> None:
        """A channel has brought an approval to people, who can answer it there."""

    def model_asked(self, model: str, end: str, first_s: float | None) -> None:
        """A request to a model is over.

        Args:
            model: its name in the configuration.
            end: ``ended``, ``stopped`` by us, or why there is no end.
            first_s: how long it took until something came; None: nothing did.
        """

    def spent(self, row: UsageRow) -> None:
        """What a request to a model took is settled, and stored."""

    def run_ended(self, status: str) -> None:
        """A run of a session has ended, and that is stored."""

    def tidy(self, is_known: Known) -> None:
        """Writes have become durable: let go of requests that are over."""


class Observers:
    """Tells several observers, and tells them just once what must be heard once.

    Each event of :class:`Observer` is an attribute to call.

    Args:
        observers: who hears it, in this order.
    """

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        all_of = tuple(observers)
        self.decided = together([a.decided for a in all_of])
        self.asked = together([a.asked for a in all_of])
        self.answered = together([a.answered for a in all_of])
        self.started = together([a.started for a in all_of])
        self.ended = together([a.ended for a in all_of])
        self.sent = together([a.sent for a in all_of])
        self.received = together([a.received for a in all_of])
        self.refused = together([a.refused for a in all_of])
        self.capped = together([a.capped for a in all_of])
        self.connected = together([a.connected for a in all_of])
        self.disconnected = together([a.disconnected for a in all_of])
        self.login_failed = together([a.login_failed for a in all_of])
        self.agent_login_failed = together([a.agent_login_failed for a in all_of])
        self.committed = together([a.committed for a in all_of])
        self.shown = together([a.shown for a in all_of])
        self.model_asked = together([a.model_asked for a in all_of])
        self.spent = together([a.spent for a in all_of])
        self.run_ended = together([a.run_ended for a in all_of])
        self.tidy = together([a.tidy for a in all_of])
        self._open: set[str] = set()

    def written(self, change: Change) -> None:
        """See a change on its way to the store: a request without an approval ends by it. What
        joined one that had ended counts as that one.

        Do not call it for a change that is written again.
        """
        if isinstance(change, Put):
            record = change.record
            if record.phase is Phase.DONE and not (record.expires_at or record.joined):
                self.ended(record)

    def approval_changed(self, record: Record) -> None:
        """See what is shown of an approval, at each of its steps and perhaps between them."""
        if record.phase is Phase.WAITING:
            if record.rid not in self._open:
                self._open.add(record.rid)
                self.asked(record)
            return
        if record.rid in self._open:
            self._open.discard(record.rid)
            self.answered(record)
        if record.phase is Phase.DONE:
            self.ended(record)


def together(methods: Iterable[Callable[P, None]]) -> Callable[P, None]:
    """Make one function of several; what :class:`Observer` left empty is not called at all."""
    empty = vars(Observer).values()
    heard = [method for method in methods if getattr(method, "__func__", None) not in empty]

    if not heard:
        return nobody

    def tell(*args: P.args, **kwargs: P.kwargs) -> None:
        for method in heard:
            method(*args, **kwargs)

    return heard[0] if len(heard) == 1 else tell


def nobody(*_args: object, **_kwargs: object) -> None:
    """Nobody listens."""
