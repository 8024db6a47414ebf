"""Mistakes of clients at level minimal: calls, numbers, the end of a connection."""

from __future__ import annotations

from tests.conformance.wrong.mutation import (
    BASE,
    BOOK,
    CALLS,
    CONNECTION,
    DRIVER,
    IDS,
    MACHINE,
    SDK,
    Mutation,
)

TOOL_ANSWERED = "        call = self._by_id.get(request_id)\n        row, seq = row_of("
"""Where an answer to a tool request arrives."""

AGAIN = (
    "        call = self._by_id.get(request_id)\n"
    "        if call is not None and event.error is not None and event.error.code == {code}:\n"
    "            self._requeue([call])\n"
    "            call.request_id = 0\n"
    "            return self._flush()\n"
    "        row, seq = row_of("
)
"""Makes a call again, under a new id."""

OF_CALLS = (
    # What the test asks for
    Mutation(
        "ask for something else than the next task",
        DRIVER,
        'gateway.call("next", {})',
        'gateway.call("task", {})',
        found_by=("connecting",),
        rule="testing.md",
        says="should ask for the tool next",
    ),
    Mutation(
        "make one call after the other",
        DRIVER,
        "            tasks.start_soon(make, number, call)\n",
        "            await make(number, call)\n",
        found_by=("answers in any order",),
        rule="testing.md",
        says="3 calls are to be made at once, 1 came",
    ),
    # Calls
    Mutation(
        "send each message twice",
        BASE,
        "        self._outstanding.add(request_id, method)\n        self._send_text(text)\n",
        "        self._outstanding.add(request_id, method)\n"
        "        self._send_text(text)\n"
        "        self._send_text(text)\n",
        found_by=("arguments",),
        rule="C1",
    ),
    Mutation(
        "send all arguments as text",
        SDK,
        "            args={} if args is None else dict(args),\n",
        "            args={name: str(value) for name, value in (args or {}).items()},\n",
        found_by=("arguments",),
        rule="C1",
        says="otherwise than they were given",
    ),
    Mutation(
        "count from 1, whatever highest_id is",
        IDS,
        "        self._last = max(self._last, highest)\n",
        "        pass\n",
        found_by=("connecting",),
        rule="C2",
        says="is not above 1000",
    ),
    Mutation(
        "begin with the id that is highest_id",
        IDS,
        "        self._last = max(self._last, highest)\n",
        "        self._last = max(self._last, highest - 1)\n",
        found_by=("connecting",),
        rule="C2",
        says="is not above 1000",
    ),
    Mutation(
        "count anew on each connection",
        IDS,
        "        self._last = max(self._last, highest)\n",
        "        self._last = highest\n",
        found_by=("no word of what is pending",),
        rule="C2",
        says="was that of another call before",
    ),
    Mutation(
        "take answers in the order of the calls",
        BOOK,
        TOOL_ANSWERED,
        "        request_id = next(iter(self._by_id), request_id)\n" + TOOL_ANSWERED,
        found_by=("answers in any order",),
        rule="M8",
        says="instead of",
    ),
    Mutation(
        "take any result for success",
        CALLS,
        "        elif result.status == Status.EXECUTED:\n"
        "            at, joined = result.resolved_at, result.joined\n"
        "            row = LooseRow(\n"
        "                *(request_id, tool, result.status, at",
        "        elif result.status:\n"
        "            at, joined = result.resolved_at, result.joined\n"
        "            row = LooseRow(\n"
        "                *(request_id, tool, Status.EXECUTED, at",
        found_by=("odd results",),
        rule="C4",
        says="instead of with an error",
    ),
    Mutation(
        "take a result without data for none",
        CALLS,
        "        elif result.status == Status.EXECUTED:\n",
        "        elif result.status == Status.EXECUTED and result.data is not None:\n",
        found_by=("no data, and unknown members",),
        rule="C4",
        says="instead of",
    ),
    Mutation(
        "take no notice of an error whose code is not known",
        BOOK,
        TOOL_ANSWERED,
        "        if event.error is not None and event.error.code == -32099:\n"
        "            return\n" + TOOL_ANSWERED,
        found_by=("an unknown error code",),
        rule="C5",
        says="a call did not end",
    ),
    Mutation(
        "tell an error whose code is not known as one within",
        CALLS,
        "    return exception_for(error.code, error.message, error.data)\n",
        "    known = error.code in list(ErrorCode)\n"
        "    code = error.code if known else ErrorCode.INTERNAL_ERROR\n"
        "    return exception_for(code, error.message, error.data)\n",
        found_by=("an unknown error code",),
        rule="C5",
        says="instead of with error -32099",
    ),
    Mutation(
        "end the connection at an answer for which no call waits",
        BOOK,
        TOOL_ANSWERED,
        "        if request_id not in self._by_id:\n"
        '            return self._abort("an answer to nothing")\n' + TOOL_ANSWERED,
        found_by=("answers for nobody",),
        rule="M9",
        says="is gone",
    ),
    Mutation(
        "make a call again whose outcome is unknown",
        BOOK,
        TOOL_ANSWERED,
        AGAIN.format(code="ErrorCode.OUTCOME_UNKNOWN"),
        found_by=("errors",),
        rule="C7",
        says="was made again",
    ),
    Mutation(
        "make a call again at once that was refused",
        BOOK,
        TOOL_ANSWERED,
        AGAIN.format(code="ErrorCode.LIMIT_EXCEEDED"),
        found_by=("refusals",),
        rule="C11",
        says="should ask for the tool report",
    ),
    Mutation(
        "send what is too large",
        CALLS,
        "    if len(encoded) > REQUEST_BYTES_MAX:\n",
        "    if False:\n",
        found_by=("too large a request",),
        rule="C8",
        says="was sent",
    ),
    Mutation(
        "measure a request in characters",
        CALLS,
        "    if len(encoded) > REQUEST_BYTES_MAX:\n",
        "    if len(encoded.decode()) > REQUEST_BYTES_MAX:\n",
        found_by=("too large a request",),
        rule="C8",
        says="was sent",
    ),
    Mutation(
        "end a call of which a person is asked",
        MACHINE,
        "            case Notified(params=params):\n",
        '            case Notified(params=params) if hasattr(params, "expires_at"):\n'
        "                answer = Answered(\n"
        "                    id=params.request_id,\n"
        '                    method="tool_request",\n'
        '                    result=msgspec.Raw(b"null"),\n'
        "                    error=None,\n"
        "                )\n"
        "                self._book.answered(answer)\n"
        "            case Notified(params=params):\n",
        found_by=("answers for nobody",),
        rule="M9",
    ),
    Mutation(
        "send an empty idempotency_key where none was given",
        SDK,
        "class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):\n",
        "class OutgoingRequest(msgspec.Struct, frozen=True, kw_only=True):\n",
        found_by=("arguments",),
        rule="C10",
        says="though the caller gave none",
    ),
    # Numbers
    Mutation(
        "acknowledge nothing",
        CONNECTION,
        "        if self._seen_seq > self._acked_seq and self.state is State.OPEN:\n",
        "        if False:\n",
        found_by=("acknowledgement",),
        rule="N2",
        says="was not acknowledged",
    ),
    Mutation(
        "acknowledge one too many",
        CONNECTION,
        'self.send_notification("ack", Ack(seq=self._seen_seq))\n',
        'self.send_notification("ack", Ack(seq=self._seen_seq + 1))\n',
        found_by=("acknowledgement",),
        rule="N5",
        says="which was not sent yet",
    ),
    Mutation(
        "acknowledge by a request",
        CONNECTION,
        'self.send_notification("ack", Ack(seq=self._seen_seq))\n',
        'self.send_request(f"ack-{self._seen_seq}", "ack", Ack(seq=self._seen_seq))\n',
        found_by=("acknowledgement",),
        rule="N2",
        says="an ack is a notification",
    ),
    Mutation(
        "go on with the numbers of the connection before",
        CONNECTION,
        "        self._seen_seq = seq\n",
        "        kind = type(self)\n"
        '        kind.top = max(seq, getattr(kind, "top", 0))\n'
        "        self._seen_seq = kind.top\n",
        found_by=("the closing handshake",),
        rule="N1",
        says="begin anew on each",
    ),
    Mutation(
        "acknowledge a second later",
        CONNECTION,
        "            self.timers.set(Timer.ACK, self.now + ACK_DELAY_S)\n",
        "            self.timers.set(Timer.ACK, self.now + 1.0)\n",
        found_by=("answers in any order",),
        rule="N2",
        says="was not acknowledged in time",
    ),
    Mutation(
        "wait for a number that is missing",
        CONNECTION,
        "        if seq <= self._seen_seq or self.state is not State.OPEN:\n",
        "        if seq != self._seen_seq + 1 or self.state is not State.OPEN:\n",
        found_by=("acknowledgement",),
        rule="N4",
        says="was not acknowledged",
    ),
    Mutation(
        "see no number in an error",
        CALLS,
        "    ), told if type(told) is int and 0 < told < 2**63 else 0\n",
        "    ), 0\n",
        found_by=("errors",),
        rule="N2",
        says="was not acknowledged in time",
    ),
    Mutation(
        "acknowledge what has no number as the next one",
        CONNECTION,
        "        if seq <= self._seen_seq or self.state is not State.OPEN:\n",
        "        seq = seq or self._seen_seq + 1\n"
        "        if seq <= self._seen_seq or self.state is not State.OPEN:\n",
        found_by=("refusals",),
        rule="N6",
        says="which was not sent yet",
    ),
    Mutation(
        "close without acknowledging what has come",
        CONNECTION,
        "        self.send_ack()\n        super().close(code, reason)\n",
        "        super().close(code, reason)\n",
        found_by=("closed in the midst",),
        rule="N7",
        says="was not acknowledged before closing",
    ),
    # The end
    Mutation(
        "close with 1001",
        CONNECTION,
        "    def close(self, code: int = NORMAL_CLOSURE,",
        "    def close(self, code: int = 1001,",
        found_by=("closed in the midst",),
        rule="X2",
    ),
    Mutation(
        "let calls wait on when the client is closed",
        BOOK,
        "        for call in list(self._calls.values()):\n"
        "            if call.stage is Stage.SENT or call.is_repeat:\n",
        "        for call in list(self._queue.values()):\n"
        "            if call.stage is Stage.SENT or call.is_repeat:\n",
        found_by=("closed in the midst",),
        rule="X5",
        says="did not all end",
    ),
    Mutation(
        "say of no call that it was sent",
        BOOK,
        '{"sent": True}',
        "None",
        found_by=("closed in the midst",),
        rule="X6",
        says="which was not said",
    ),
    Mutation(
        "say of each call that it was sent",
        BOOK,
        "            if call.stage is Stage.SENT or call.is_repeat:\n",
        "            if True:\n",
        found_by=("closed while cut off",),
        rule="X6",
    ),
)
