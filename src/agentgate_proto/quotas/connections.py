"""Who may hold connections: how many each, and whose goes when there is no room.

Whoever has not said who it is, is a *stranger*, and is counted by its address; whoever has, by the
name of its principal. Strangers may hold half of the places, agents four fifths, so that people
find one; nobody may hold more than some. When strangers' room is full, the newest is let in and the
oldest goes, of the address that has most: so whoever hoards places loses them, and who comes has as
much time to say who it is as it takes to fill the room anew. Two things make sure that this is time
enough. Those of an address that have said nothing and those that have asked for something are two
heaps, of which the larger loses: many that never ask don't push out one who does. And none goes
that came just now: others wait at the door meanwhile.

The machine counts and decides; whoever uses it cuts those that are named as losers, and has given
their places away by then. Addresses are blocks, see ``addresses``; a connection from a proxy has
none before the proxy has said for whom it comes, and is not counted by it until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

CONNECTIONS_MAX = 1_000
"""Of everybody together: a home hub has a thousand descriptors to spare, and no more."""

OF_PRINCIPAL_MAX = 64
"""Of one principal: a program with a pool, or some dozens of devices that share a token."""

OF_ADDRESS_MAX = 256
"""Strangers of one address: a house or an office behind one router, which all come back at once.
The more there are, the longer each may stay when others push in."""

BEYOND = 8
"""Places beyond all for who asks on this machine: what looks whether the gateway is well."""

PUSHED_OUT_PER_S = 800
"""How many may come in a second only to push out others: each costs a third of a millisecond. So
none goes that came just now (of ``OF_ADDRESS_MAX``, in the last third of a second, and a login
takes two round trips), while others wait: of six hundred sockets that come anew at once, for half a
second."""

TURN_S = 1.0
"""How long one stays at the least that waits for us to look at what it has said: we are slow."""

NOWHERE = ""
"""The address of a connection whose proxy has not said for whom it comes."""


class Cap(StrEnum):
    """Why somebody had to go, or may not come."""

    ALL = "connections"
    STRANGERS = "connections_of_strangers"
    ADDRESS = "connections_of_address"
    PRINCIPAL = "connections_of_principal"
    AGENTS = "connections_of_agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is decided about a newcomer.

    Attributes:
        cap: which was reached; None: there was room.
        loser: which connection goes for it, by number; None: with a cap, the newcomer may not stay.
        owner: the principal whose that is; "": a stranger's.
    """

    cap: Cap | None = None
    loser: int | None = None
    owner: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether the newcomer may not stay."""
        return self.cap is not None and self.loser is None


ROOM = Verdict()


@dataclass(slots=True, kw_only=True)
class Place:
    """One connection.

    Attributes:
        since: when it came, or asked for something for the first time, on the clock of the caller.
        address: the block from which it came, while it is a stranger's.
        owner: whose it is, by name; "": a stranger's.
        is_agent: the owner is no person.
        has_asked: a whole request has come on it.
    """

    since: float
    address: str
    owner: str = ""
    is_agent: bool = False
    has_asked: bool = False


class Strangers:
    """The strangers of one address, the oldest first, in two heaps."""

    __slots__ = ("asked", "silent")

    def __init__(self) -> None:
        self.silent: dict[int, None] = {}
        self.asked: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self.silent) + len(self.asked)

    def heap(self, *, has_asked: bool) -> dict[int, None]:
        """One of the two."""
        return self.asked if has_asked else self.silent

    @property
    def loser(self) -> int:
        """Who goes first: the oldest of the larger heap."""
        return next(iter(self.asked if len(self.asked) > len(self.silent) else self.silent))


class Connections:
    """Counts those of one gateway.

    Args:
        all_max: of everybody together.
        of_principal_max: of one principal.
        of_address_max: strangers of one address.
    """

    def __init__(
        self,
        all_max: int = CONNECTIONS_MAX,
        of_principal_max: int = OF_PRINCIPAL_MAX,
        of_address_max: int = OF_ADDRESS_MAX,
    ) -> None:
        self.all_max = all_max
        self.of_principal_max = of_principal_max
        self.of_address_max = of_address_max
        self.strangers_max = (all_max + 1) // 2
        self.agents_max = all_max - all_max // 5
        self.strangers = 0
        self.agents = 0
        self._places: dict[int, Place] = {}
        self._by_address: dict[str, Strangers] = {}
        self._by_owner: dict[str, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        """Whether a connection has its place still."""
        return number in self._places

    def count_of(self, owner: str) -> int:
        """How many connections a principal has."""
        return len(self._by_owner.get(owner, ()))

    def wait_s(
        self, address: str, now: float, waits: Callable[[int], bool], *, is_local: bool = False
    ) -> float:
        """For how long nobody may be pushed out for a newcomer; 0: :meth:`come` may be called.

        Args:
            address: from which the newcomer comes.
            now: seconds on the clock of all calls.
            waits: says of a connection whether it has said something that nobody looked at yet.
            is_local: it comes from this machine.
        """
        verdict = self._verdict(address, is_local=is_local)
        if verdict.loser is None:
            return 0.0
        room = self.of_address_max if verdict.cap is Cap.ADDRESS else self.strangers
        stay_s = room / PUSHED_OUT_PER_S
        if waits(verdict.loser):
            stay_s = max(stay_s, TURN_S)
        return max(0.0, self._places[verdict.loser].since + stay_s - now)

    def come(self, number: int, address: str, now: float, *, is_local: bool = False) -> Verdict:
        """Take a new connection, of a stranger, whose number was never used. Its arguments are
        those of :meth:`wait_s`, which has said that nobody need wait."""
        verdict = self._verdict(address, is_local=is_local)
        if not verdict.is_refusal:
            self._push_out(verdict)
            self._places[number] = Place(since=now, address=address)
            self._add_stranger(number)
        return verdict

    def asked(self, number: int, address: str, now: float) -> Verdict:
        """Take note of a whole request on a connection, and for whom its proxy has made it. It may
        stay for as long again.

        The newcomer is never the loser, but it may be one that came before at that address.
        """
        place = self._places.get(number)
        if place is None or (place.has_asked and place.address == address):
            return ROOM
        verdict = ROOM
        if not place.owner:
            self._drop_stranger(number)
            if self._is_full(address):
                verdict = Verdict(cap=Cap.ADDRESS, loser=self._by_address[address].loser)
        place.has_asked = True
        place.since = now
        place.address = address
        if not place.owner:
            self._push_out(verdict)
            self._add_stranger(number)
        return verdict

    def seat(
        self, number: int, owner: str, spare: Callable[[int], bool], *, is_agent: bool
    ) -> Verdict:
        """Take note of whose a connection is. One that is refused stays what it was.

        Args:
            number: of the connection.
            owner: the name of the principal.
            spare: says of a connection of the owner, or of another, whether it would not be missed.
            is_agent: the principal is no person.
        """
        place = self._places.get(number)
        if place is None or place.owner == owner:
            return ROOM
        verdict = self._verdict_on(place, owner, spare, is_agent=is_agent)
        if not verdict.is_refusal:
            self._push_out(verdict)
            self._drop(number)
            place.owner, place.is_agent = owner, is_agent
            self._by_owner.setdefault(owner, {})[number] = None
            self.agents += is_agent
        return verdict

    def leave(self, number: int) -> None:
        """Take note that a connection is over; one that was pushed out is not there any more."""
        if number in self._places:
            self._drop(number)
            del self._places[number]

    # Deciding

    def _verdict(self, address: str, *, is_local: bool) -> Verdict:
        """What becomes of a stranger who comes."""
        if self._is_full(address):
            return Verdict(cap=Cap.ADDRESS, loser=self._by_address[address].loser)
        if len(self._places) >= self.all_max + (BEYOND if is_local else 0):
            return Verdict(cap=Cap.ALL, loser=self._oldest_stranger())
        if self.strangers >= self.strangers_max:
            return Verdict(cap=Cap.STRANGERS, loser=self._oldest_stranger())
        return ROOM

    def _is_full(self, address: str) -> bool:
        there = self._by_address.get(address)
        return address != NOWHERE and there is not None and len(there) >= self.of_address_max

    def _oldest_stranger(self) -> int | None:
        """Of the address that has most; of several, of the one that has had some for longest."""
        if not self._by_address:
            return None
        return max(self._by_address.values(), key=len).loser

    def _verdict_on(
        self, place: Place, owner: str, spare: Callable[[int], bool], *, is_agent: bool
    ) -> Verdict:
        """What becomes of a connection whose owner is known now."""
        own = self._by_owner.get(owner, {})
        is_one_too_many = len(own) >= self.of_principal_max
        if not is_one_too_many and (
            not is_agent or place.is_agent or self.agents < self.agents_max
        ):
            return ROOM
        cap = Cap.PRINCIPAL if is_one_too_many else Cap.AGENTS
        loser = next(filter(spare, own), None)
        if loser is not None:
            return Verdict(cap=cap, loser=loser, owner=owner)
        return Verdict(cap=cap) if is_one_too_many else self._at_others_cost(len(own), spare)

    def _at_others_cost(self, count: int, spare: Callable[[int], bool]) -> Verdict:
        """Let an agent with so many connections have one of the agent that has most, if that is
        more than both would have then: of this the first that would not be missed, else the newest.
        """
        agents = ((name, own) for name, own in self._by_owner.items() if self._is_agents(own))
        owner, most = max(agents, key=lambda each: len(each[1]))
        if len(most) <= count + 1:
            return Verdict(cap=Cap.AGENTS)
        loser = next(filter(spare, most), next(reversed(most)))
        return Verdict(cap=Cap.AGENTS, loser=loser, owner=owner)

    def _is_agents(self, numbers: dict[int, None]) -> bool:
        return self._places[next(iter(numbers))].is_agent

    # Counting

    def _push_out(self, verdict: Verdict) -> None:
        if verdict.loser is not None:
            self.leave(verdict.loser)

    def _drop(self, number: int) -> None:
        place = self._places[number]
        if not place.owner:
            self._drop_stranger(number)
            return
        own = self._by_owner[place.owner]
        del own[number]
        if not own:
            del self._by_owner[place.owner]
        self.agents -= place.is_agent

    def _add_stranger(self, number: int) -> None:
        place = self._places[number]
        there = self._by_address.setdefault(place.address, Strangers())
        there.heap(has_asked=place.has_asked)[number] = None
        self.strangers += 1

    def _drop_stranger(self, number: int) -> None:
        place = self._places[number]
        there = self._by_address[place.address]
        del there.heap(has_asked=place.has_asked)[number]
        if not there:
            del self._by_address[place.address]
        self.strangers -= 1
