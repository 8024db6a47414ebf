"""The password throttle: bounds how often a password may be guessed.

Each try counts before it is checked, and does not once it was right. It is counted for whoever
tries, and for the agent: who has many addresses gets no further than who has one. Who has logged in
before is not counted among those strangers, or they could keep people from their own agents. Those
who come by a relay are counted each for themselves.

A password that a relay has given before (``is_welcome``) tells it nothing new, so it need not be
counted. It has given what one behind it has, and logs in again by that for itself.
"""

from __future__ import annotations

from collections import OrderedDict

from agentgate_proto.quotas.addresses import block_of
from agentgate_server.identity.address_throttle import AddressThrottle

OF_ONE_PER_MINUTE = 10
"""Wrong passwords of one agent, by one principal at one address, or by one for whom that asks:
nobody mistypes more."""

OF_ALL_PER_MINUTE = 60
"""Wrong passwords by one principal at one address, whoever's they are to be."""

OF_RELAY_PER_MINUTE = 240
"""Wrong passwords that one relay brings, for whomever it says: as many as four who guess all the
time. Its word for whom it asks is no reason to work, and to write into the audit, without end."""

BY_STRANGERS_PER_MINUTE = 60
"""Wrong passwords of one agent, by all who have never given its right one: a million guesses take
twelve days."""

WELCOME_MAX = 10_000
"""Of those who have logged in, how many are remembered; the one who did longest ago goes first."""


class PasswordThrottle:
    """See the module. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._of_one = AddressThrottle(OF_ONE_PER_MINUTE)
        self._of_all = AddressThrottle(OF_ALL_PER_MINUTE)
        self._of_relay = AddressThrottle(OF_RELAY_PER_MINUTE)
        self._by_strangers = AddressThrottle(BY_STRANGERS_PER_MINUTE)
        self._welcome: OrderedDict[str, None] = OrderedDict()

    def take(self, agent: str, by: str, address: str, now: float, behalf: str = "") -> float:
        """Count a try: return 0, or for how many seconds it may not be made.

        Args:
            agent: whose password is tried, as it was named.
            by: the principal who tries.
            address: where it comes from.
            now: when.
            behalf: for whom, if that is a relay which says so.
        """
        who, pair = keys_of(agent, by, address, behalf)
        throttles = [(self._of_all, who), (self._of_one, pair)]
        if behalf:
            throttles.append((self._of_relay, key_of(by, block_of(address))))
        if pair not in self._welcome:
            throttles.append((self._by_strangers, key_of(agent)))
        taken: list[tuple[AddressThrottle, str]] = []
        for throttle, key in throttles:
            pause = throttle.take(key, now)
            if pause:
                for other, known in taken:
                    other.give_back(known)
                return pause
            taken.append((throttle, key))
        return 0.0

    def was_right(self, agent: str, by: str, address: str, behalf: str = "") -> None:
        """The try that was counted last was right: it does not count, and they are welcome."""
        who, pair = keys_of(agent, by, address, behalf)
        self._of_all.give_back(who)
        self._of_one.give_back(pair)
        if behalf:
            self._of_relay.give_back(key_of(by, block_of(address)))
        if pair not in self._welcome:
            self._by_strangers.give_back(key_of(agent))
        for key in (pair, keys_of(agent, by, address, "")[1]):
            self._welcome[key] = None
            self._welcome.move_to_end(key)
        while len(self._welcome) > WELCOME_MAX:
            self._welcome.popitem(last=False)

    def is_welcome(self, agent: str, by: str, address: str, behalf: str = "") -> bool:
        """Whether they have given the right password of this agent before."""
        return keys_of(agent, by, address, behalf)[1] in self._welcome

    def forget(self) -> None:
        """Nobody is welcome any more: passwords have changed."""
        self._welcome.clear()


def keys_of(agent: str, by: str, address: str, behalf: str) -> tuple[str, str]:
    """Return what stands for whoever tries, and for them with this agent."""
    who = by, block_of(address), behalf
    return key_of(*who), key_of(*who, agent)


def key_of(*parts: str) -> str:
    """Return a key for names, which may have anything in them; no address looks so."""
    return "".join(f"{len(part)}/{part}" for part in parts)
