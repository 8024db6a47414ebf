"""Mistakes of a gateway in how it tells outcomes: numbers, acknowledgements, collecting."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

RECEIPTS = "agentgate_proto/connection/receipts.py"
RESULTS = "agentgate_proto/rpc/wire_results.py"
LINKS = "agentgate_proto/ledger/links.py"
COLLECTING = "agentgate_proto/ledger/collecting.py"

OF_OUTCOMES = (
    # Numbers and acknowledgements
    Mutation(
        "number results and no errors",
        RESULTS,
        '        return {"status": outcome.status, "seq": seq, **more}\n',
        '        return {"status": outcome.status, **more}\n',
        found_by=("sequence numbers",),
        rule="N20",
    ),
    Mutation(
        "give every outcome the number 1",
        RECEIPTS,
        "        return self.last_seq\n\n    def acked",
        "        return 1\n\n    def acked",
        found_by=("numbers begin anew",),
        rule="N21",
    ),
    Mutation(
        "take an acknowledgement for its own number alone",
        RECEIPTS,
        "takewhile(lambda rid: self._unacked[rid] <= seq, self._unacked)",
        "[rid for rid in self._unacked if self._unacked[rid] == seq]",
        found_by=("one acknowledgement for all",),
        rule="N22",
    ),
    Mutation(
        "hand out what was acknowledged",
        "agentgate_proto/ledger/ledger.py",
        "            self._lifecycle.mark_delivered(mine)\n",
        "            pass\n",
        found_by=("acknowledged", "collected and acknowledged"),
        rule="N22",
    ),
    Mutation(
        "take what was sent for what has arrived",
        "agentgate_server/gate/responses.py",
        "                self.observers.sent(rid)\n",
        "                self.observers.sent(rid)\n"
        "                if rid and connection.auth.client_id:\n"
        "                    connection._received((rid,))\n"
        "                    connection._unread = True\n",
        found_by=("not acknowledged",),
        rule="N23",
    ),
    Mutation(
        "take a number of the future for all that was sent",
        RECEIPTS,
        "        if seq > self.last_seq:\n            return ()\n",
        "",
        found_by=("an acknowledgement of the future",),
        rule="N24",
    ),
    # Collecting
    Mutation(
        "number a reply without rows",
        RESULTS,
        "        seq=seq if records else 0,\n",
        "        seq=seq,\n",
        found_by=("nothing to collect",),
        rule="R32",
    ),
    Mutation(
        "leave out that there are more rows",
        RESULTS,
        "        more=more,\n    )\n",
        "        more=False,\n    )\n",
        found_by=("pages",),
        rule="R32",
    ),
    Mutation(
        "leave out the ids of what is under way",
        COLLECTING,
        "        ids = list(self._delivery.links.requests_at(link) | held_ids(link))\n",
        "        ids = list(held_ids(link))\n",
        found_by=("decided while away", "a request that waits outlives the gateway"),
        rule="R31",
    ),
    Mutation(
        "leave out rows that say no",
        COLLECTING,
        "        for record in records:\n            self._delivery.note_sent",
        "        records = [a for a in records if a.outcome and not a.outcome.code]\n"
        "        for record in records:\n            self._delivery.note_sent",
        found_by=("rows that say no",),
        rule="R30",
    ),
    Mutation(
        "let the older of two connections stay",
        "agentgate_server/gate/responses.py",
        "                connection.close(TAKEN_OVER,",
        "                {}.get(TAKEN_OVER,",
        found_by=("a newer connection takes over",),
        rule="R34",
    ),
    Mutation(
        "answer on the connection that asked, though a newer one took over",
        LINKS,
        "        scope.link = link\n        return former\n",
        "        scope.link = former or link\n        return former\n",
        found_by=("what was under way goes on after a takeover",),
        rule="R34",
    ),
)
