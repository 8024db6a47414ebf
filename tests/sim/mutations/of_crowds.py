"""Bugs in what each may take: the honest wait, are refused, or are turned away, in a crowd."""

from __future__ import annotations

from tests.sim.mutations.mutation import PROTO, SERVER, Mutation

CONNECTIONS = f"{PROTO}/quotas/connections.py"
TURNS = f"{PROTO}/quotas/turns.py"
PEER = f"{SERVER}/sockets/peer.py"

OF_CROWDS = (
    Mutation(
        "give turns to connections and not to owners",
        PEER,
        "        owner = self.owner.name\n",
        '        owner = f"{self.owner.name}{self.number}"\n',
        seeds=0,
        crowds=30,
        tests=("tests/server/sockets/test_turns.py",),
    ),
    Mutation(
        "let a turn have no end",
        PEER,
        "        now = self._turn(began + turn_s)\n",
        "        now = self._turn(math.inf)\n",
        seeds=0,
        crowds=30,
    ),
    Mutation(
        "count the requests of all as one's",
        f"{PROTO}/quotas/rates.py",
        "        allowance = self._of.get(principal)\n",
        '        principal = ""\n        allowance = self._of.get(principal)\n',
        seeds=0,
        crowds=30,
    ),
    Mutation(
        "refuse the newest stranger when they are full",
        CONNECTIONS,
        "            return Verdict(cap=Cap.STRANGERS, loser=self._oldest_stranger())\n",
        "            return Verdict(cap=Cap.STRANGERS)\n",
        seeds=0,
        crowds=0,
        tests=("tests/proto/quotas/test_connections.py",),
    ),
    Mutation(
        "push out a stranger of whatever address",
        CONNECTIONS,
        "        return max(self._by_address.values(), key=len).loser\n",
        "        return min(self._by_address.values(), key=len).loser\n",
        seeds=0,
        crowds=0,
        tests=("tests/proto/quotas/test_connections.py",),
    ),
)
