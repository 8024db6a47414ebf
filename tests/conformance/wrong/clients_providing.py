"""Mistakes of clients at level providing: tools that the client runs for others."""

from __future__ import annotations

from tests.conformance.wrong.mutation import (
    BOOK,
    CONNECTION,
    PROVIDING,
    RUNNER,
    STANDING,
    Mutation,
)

OF_PROVIDING = (
    Mutation(
        "offer tools on the first connection alone",
        STANDING,
        "        self.is_open = True\n        self._due.extend(self._calls.values())\n",
        "        self.is_open = True\n"
        "        self._due.extend(a for a in self._calls.values() if not a.is_settled)\n",
        found_by=("tools on every connection",),
        rule="P7",
        says="were not offered first",
    ),
    Mutation(
        "offer tools after all other calls",
        BOOK,
        "        self._requeue(lost)\n        self.standing.connected()\n        self.go_on()\n",
        "        self._requeue(lost)\n"
        "        self.ready = True\n"
        "        self._flush()\n"
        "        self.standing.connected()\n"
        "        self.go_on()\n",
        found_by=("tools on every connection",),
        rule="P7",
        says="were not offered first",
    ),
    Mutation(
        "offer tools before what was sent is reconciled",
        BOOK,
        "            self._collect(None)\n        else:\n",
        "            self.standing.connected()\n"
        "            self.go_on()\n"
        "            self._collect(None)\n"
        "        else:\n",
        found_by=("tools on every connection",),
        rule="P7",
        says="before reconciliation",
    ),
    Mutation(
        "hold all calls when the offer is refused",
        STANDING,
        "            call = self._asked[1]\n            self._asked = self.due_at = None\n",
        "            call = self._asked[1]\n"
        "            if event.error is not None:\n"
        "                return True\n"
        "            self._asked = self.due_at = None\n",
        found_by=("an offer that is refused",),
        rule="P8",
        says="held up the other calls",
    ),
    Mutation(
        "wait for the answer to the offer without end",
        STANDING,
        "        if self.due_at is None or self.due_at > now:\n",
        "        if True:\n",
        found_by=("an offer that is not answered",),
        rule="P8",
        says="held up the other calls",
        is_slow=True,
    ),
    Mutation(
        "answer under an id of its own",
        PROVIDING,
        "        connection.send_result(request_id, msgspec.Raw(answer.data))\n",
        "        connection._send_text(\n"
        '            b\'{"jsonrpc":"2.0","id":"own","result":\' + answer.data + b"}"\n'
        "        )\n",
        found_by=("tools that are provided",),
        rule="P14",
        says='has the id "own"',
    ),
    Mutation(
        "answer with the bare value",
        PROVIDING,
        "            encoded = encode(ToolCalled(data=data))\n",
        "            encoded = encode(data)\n",
        found_by=("tools that are provided",),
        rule="P14",
        says="instead of data",
    ),
    Mutation(
        "do not answer the gateway's requests",
        CONNECTION,
        "                    self._events.append(ToolAsked(id=request.id, call=call))\n",
        "                    pass\n",
        found_by=("tools that are provided",),
        rule="P14",
        says="was not answered",
    ),
    Mutation(
        "answer on whatever connection there is",
        PROVIDING,
        "            askers = [each for each in self._asked[call] if each[0] is connection]\n",
        "            askers = [(connection, each[1]) for each in self._asked[call]]\n",
        found_by=("a call that still runs and comes again",),
        rule="P18",
    ),
    Mutation(
        "answer a tool that failed with an error within",
        RUNNER,
        "failed, call.call, ErrorCode.TOOL_FAILED, text)\n",
        "failed, call.call, ErrorCode.INTERNAL_ERROR, text)\n",
        found_by=("tools that fail",),
        rule="P15",
        says="instead of error -32004",
    ),
    Mutation(
        "answer a tool that failed with data",
        PROVIDING,
        "        self._answer(call, Problem(code, message[:FAILURE_CHARS_MAX]))\n",
        "        self.returned(call, message)\n",
        found_by=("tools that fail",),
        rule="P15",
        says="instead of error -32004",
    ),
    Mutation(
        "do not say what went wrong",
        PROVIDING,
        "        self._answer(call, Problem(code, message[:FAILURE_CHARS_MAX]))\n",
        '        self._answer(call, Problem(code, ""))\n',
        found_by=("tools that fail",),
        rule="P15",
        says="does not say",
    ),
    Mutation(
        "end the connection at parameters that do not fit",
        CONNECTION,
        "                code, detail = ErrorCode.INVALID_PARAMS, str(error)\n",
        "                return self.abort(str(error))\n",
        found_by=("tools that fail",),
        rule="P16",
    ),
    Mutation(
        "take no notice of parameters that do not fit",
        CONNECTION,
        "                code, detail = ErrorCode.INVALID_PARAMS, str(error)\n",
        "                return\n",
        found_by=("tools that fail",),
        rule="P16",
        says="whose parameters do not fit",
    ),
    Mutation(
        "run a call again that is asked for again while it runs",
        PROVIDING,
        "        if call in self._asked:\n            askers",
        "        if False:\n            askers",
        found_by=("a call that still runs and comes again",),
        rule="P17",
        says='"runs":2',
    ),
    Mutation(
        "run a call again that is asked for again when it is over",
        PROVIDING,
        "        self._kept[call] = answer\n",
        '        self._kept.pop(call, None)\n        answer = Problem(0, "")\n'
        "        self._kept[object()] = answer\n",
        found_by=("a call that is over and comes again",),
        rule="P17",
        says='"runs":2',
    ),
    Mutation(
        "answer a running call only where it was asked first",
        PROVIDING,
        "            self._asked[call] = [*askers, (connection, event.id)]\n",
        "            self._asked[call] = askers or self._asked[call]\n",
        found_by=("a call that still runs and comes again",),
        rule="P18",
        says="was not answered",
    ),
    Mutation(
        "answer a call that is over as unknown",
        PROVIDING,
        "            send(connection, event.id, self._kept[call])\n",
        "            send(connection, event.id, Problem(ErrorCode.OUTCOME_UNKNOWN, NOT_KEPT))\n",
        found_by=("a call that is over and comes again",),
        rule="P18",
        says="the call that was over was answered by",
    ),
    Mutation(
        "keep one answer",
        PROVIDING,
        "        while len(self._kept) > KEPT_ANSWERS_MAX or",
        "        while len(self._kept) > 1 or",
        found_by=("a call that is over and comes again",),
        rule="P18",
        says="the call that was over was answered by",
    ),
    Mutation(
        "run again a call whose answer is not kept",
        PROVIDING,
        "            self._past[old] = None\n",
        "            pass\n",
        found_by=("an answer that is not kept",),
        rule="P19",
        says="the call of long ago",
    ),
    Mutation(
        "do not answer a call that was stopped",
        RUNNER,
        "        tell()\n        self._turn()\n",
        "        if not scope.cancelled_caught:\n            tell()\n            self._turn()\n",
        found_by=("a call that nobody waits for",),
        rule="P20",
        says="was not answered",
    ),
)
