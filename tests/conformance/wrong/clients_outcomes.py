"""Mistakes of clients with outcomes: when to withdraw, what to keep, who asks for it."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

BOOK = "agentgate_proto/client/call_book.py"
CONNECTION = "agentgate_proto/connection/client.py"

OF_OUTCOMES = (
    Mutation(
        "withdraw before it is known what is pending",
        BOOK,
        "        elif self.standing.is_open:  # before that, reconciliation sees to it\n",
        "        elif self._connection is not None:\n",
        found_by=("given up while reconciling",),
        rule="W11",
        says="nothing is to be withdrawn before it is known",
    ),
    Mutation(
        "drop what a former process asked for under a string",
        CONNECTION,
        '        return "tool_request" if answer_id not in (None, AUTH_ID) else None\n',
        '        return "tool_request" if isinstance(answer_id, int) else None\n',
        found_by=("answers for a former process",),
        rule="H2",
        says="did not return the outcome of id twenty-three",
    ),
    Mutation(
        "collect for the user on the first connection",
        BOOK,
        "        if again:\n            self._collect(None)\n",
        "        if again or self._connection:\n            self._collect(None)\n",
        found_by=("the next process",),
        rule="H10",
        says="only the user asks",
    ),
)
