"""Mistakes of clients with words and edits: taken for something else, or lost on the way."""

from __future__ import annotations

from tests.conformance.wrong.mutation import CALLS, SDK, UNCLAIMED, Mutation

OUTCOMES = "agentgate_client/outcomes.py"

OF_WORDS = (
    Mutation(
        "take a result with an edit for none",
        CALLS,
        "        elif result.status == Status.EXECUTED:\n",
        "        elif result.status == Status.EXECUTED and result.edited is None:\n",
        found_by=("words and edits",),
        rule="D47",
        says="instead of",
    ),
    Mutation(
        "take a row with a word for a no",
        CALLS,
        "        if self.status == Status.EXECUTED:\n            return None\n",
        "        if self.status == Status.EXECUTED and not self.word:\n            return None\n",
        found_by=("words and edits over a cut",),
        rule="D47",
        says="instead of",
    ),
    Mutation(
        "do not send why",
        SDK,
        "            why=check_why(why),\n",
        '            why=check_why(why) and "",\n',
        found_by=("words and edits",),
        rule="D48",
        says='came with the why ""',
    ),
    Mutation(
        "say why where the caller does not",
        SDK,
        "            why=check_why(why),\n",
        '            why=check_why(why) or "it was needed",\n',
        found_by=("words and edits",),
        rule="D48",
        says='instead of ""',
    ),
    Mutation(
        "tell the word of a yes alone",
        CALLS,
        "for name, value in data.items() if name not in own}",
        'for name, value in data.items() if name not in {*own, "word"}}',
        found_by=("words and edits",),
        rule="D49",
        says="was told as word",
    ),
    Mutation(
        "take an edit that leaves no arguments for none",
        OUTCOMES,
        "        edited=settled.edited,\n",
        "        edited=settled.edited or None,\n",
        found_by=("words and edits",),
        rule="D49",
        says="was told as edited",
    ),
    Mutation(
        "lose the word of a row that says no",
        CALLS,
        "        if self.error.data is None and (self.word or self.edited is not None):\n",
        "        if False:\n",
        found_by=("words and edits over a cut",),
        rule="D49",
        says="was told as word",
    ),
    Mutation(
        "lose in a row what ran",
        CALLS,
        "        return [row for row in rows if isinstance(row, LooseRow)]\n",
        "        whole = [row for row in rows if isinstance(row, LooseRow)]\n"
        "        return [msgspec.structs.replace(row, edited=None) for row in whole]\n",
        found_by=("words and edits over a cut",),
        rule="D49",
        says="was told as edited",
    ),
    Mutation(
        "keep outcomes without what people said",
        UNCLAIMED,
        "            self._rows[row.request_id] = row\n",
        "            bare = row.request_id, row.tool, row.status, row.resolved_at\n"
        "            self._rows[row.request_id] = LooseRow(*bare, row.data, row.error)\n",
        found_by=("words and edits for a former process",),
        rule="D49",
        says="was told as word",
    ),
    Mutation(
        "keep errors without the word in their data",
        CALLS,
        "        **said_in(data),\n",
        "",
        found_by=("words and edits for a former process",),
        rule="D49",
        says="was told as word",
    ),
)
