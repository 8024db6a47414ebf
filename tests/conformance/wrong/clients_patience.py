"""Mistakes of clients at the levels withdrawing and keep-alive: when to wait no longer."""

from __future__ import annotations

from tests.conformance.wrong.mutation import BASE, BOOK, KNOWN, LIMITS, Mutation

WITHDRAW = (
    "        if call.stage is Stage.QUEUED or not call.is_tool_request:\n"
    "            self._settle(call, None, call.given_up(call.fate))\n"
)
STATUS = "        status = status_of(event)\n"
SILENCE = "                if self.heard_at + self.limits.silence_s > self.now:\n"
ALIVE = "                if self.heard_at >= self._probed_at:\n"

OF_PATIENCE = (
    # Withdrawing
    Mutation(
        "end a call at its caller's without telling the gateway",
        BOOK,
        "        elif self.standing.is_open:  # before that, reconciliation sees to it\n",
        "        elif False:\n",
        found_by=("withdrawn in time",),
        rule="W1",
        says="was not withdrawn, though its caller's patience is over",
    ),
    Mutation(
        "withdraw another request than the one that is meant",
        BOOK,
        "CancelRequest(request_id=call.request_id))\n",
        "CancelRequest(request_id=request_id))\n",
        found_by=("withdrawn in time",),
        rule="W1",
        says="withdraws what is not to be withdrawn now",
    ),
    Mutation(
        "withdraw by a notification",
        BOOK,
        '        self._send(request_id, "cancel_request", '
        "CancelRequest(request_id=call.request_id))\n",
        "        assert self._connection is not None\n"
        "        params = CancelRequest(request_id=call.request_id)\n"
        '        self._connection.send_notification("cancel_request", params)\n',
        found_by=("withdrawn in time",),
        rule="W1",
        says="was not withdrawn",
    ),
    Mutation(
        "wait long for what became of a call that was withdrawn",
        LIMITS,
        "CANCEL_GRACE_S = 2.0\n",
        "CANCEL_GRACE_S = 8.0\n",
        found_by=("withdrawn, and nothing comes",),
        rule="W2",
        says="was not told -32008 within 2 s",
    ),
    Mutation(
        "have no patience once a call is withdrawn",
        LIMITS,
        "CANCEL_GRACE_S = 2.0\n",
        "CANCEL_GRACE_S = 0.05\n",
        found_by=("withdrawn too late",),
        rule="W3",
        says='instead of "it had run"',
    ),
    Mutation(
        "take no outcome once a call is withdrawn",
        BOOK,
        "        error = row.fault\n",
        "        error = row.fault\n"
        "        if call is not None and call.withdrawn:\n"
        "            error = call.given_up(WITHDRAWN)\n",
        found_by=("withdrawn too late",),
        rule="W3",
        says='instead of "it had run"',
    ),
    Mutation(
        "wait for more when a call was cancelled",
        BOOK,
        "        elif status == CancelStatus.CANCELLED and not call.promised:\n",
        "        elif False:\n",
        found_by=("withdrawn, and told at once",),
        rule="W4",
        says="was not told -32008 at once",
    ),
    Mutation(
        "wait for more when the gateway has no such request",
        BOOK,
        "        if status == CancelStatus.UNKNOWN_REQUEST:\n",
        "        if False:\n",
        found_by=("nothing to withdraw",),
        rule="W5",
        says="was not told -32008 at once",
    ),
    Mutation(
        "tell of a withdrawal that came too late",
        BOOK,
        STATUS,
        STATUS + "        if status == CancelStatus.TOO_LATE:\n            self._give_up(call)\n",
        found_by=("withdrawn too late",),
        rule="W6",
        says='instead of "it had run"',
    ),
    Mutation(
        "take a tool that is being stopped for one that did not run",
        BOOK,
        STATUS,
        STATUS + "        if status == CancelStatus.STOPPING:\n"
        "            status = CancelStatus.UNKNOWN_REQUEST\n",
        found_by=("withdrawn too late",),
        rule="W7",
        says='instead of "it could not be stopped"',
    ),
    Mutation(
        "wait longer while a tool is being stopped",
        BOOK,
        STATUS,
        STATUS + "        if status == CancelStatus.STOPPING:\n"
        "            self._deadlines = Patience()\n"
        "            self._deadlines.add(self._clock() + 8.0, call.handle)\n",
        found_by=("withdrawn, and nothing comes",),
        rule="W7",
        says="was not told -32008 within 2 s",
    ),
    Mutation(
        "wait for more where a gateway can't withdraw",
        BOOK,
        "        elif event.error is not None and not call.abandoned:\n",
        "        elif False:\n",
        found_by=("a gateway without withdrawing",),
        rule="W8",
        says="was not told -32008 at once",
    ),
    Mutation(
        "send a call all the same whose patience has ended",
        BOOK,
        WITHDRAW,
        "        if call.stage is Stage.QUEUED or not call.is_tool_request:\n"
        "            self._give_up(call)\n",
        found_by=("given up before it was sent",),
        rule="W9",
        says="though its caller had given up before that",
    ),
    Mutation(
        "withdraw nothing that was asked for before the cut",
        KNOWN,
        "            return Verdict.WITHDRAW if call.withdrawn else Verdict.WAIT\n",
        "            return Verdict.WAIT\n",
        found_by=("told while cut off",),
        rule="W11",
        says="is pending, unwanted, and was not withdrawn",
    ),
    Mutation(
        "let a call wait for the connection whose patience has ended",
        BOOK,
        "            if call.withdrawn:\n                self._give_up(call)\n",
        "            if call.withdrawn and not self.ready:\n"
        "                self._deadlines.add(now + 5.0, handle)\n"
        "            elif call.withdrawn:\n"
        "                self._give_up(call)\n",
        found_by=("told while cut off",),
        rule="W2",
        says="was not told -32008 within 2 s",
    ),
    Mutation(
        "send again what nobody wants any more",
        KNOWN,
        "        return call.given_up(WITHDRAWN) if call.withdrawn else Verdict.SEND\n",
        "        return Verdict.SEND\n",
        found_by=("given up while cut off",),
        rule="W12",
        says="instead came",
    ),
    Mutation(
        "end the connection at an answer that says what is not known",
        BOOK,
        STATUS,
        STATUS + "        if status and status not in list(CancelStatus):\n"
        '            self._abort("an odd answer to cancel_request")\n',
        found_by=("withdrawn too late",),
        rule="W15",
        says="the client is gone",
    ),
    Mutation(
        "take a status that is not known for a withdrawal",
        BOOK,
        STATUS,
        STATUS + "        if status not in list(CancelStatus):\n"
        "            status = CancelStatus.CANCELLED\n",
        found_by=("withdrawn too late",),
        rule="W15",
        says="instead of with error -32007",
    ),
    # Keep-alive
    Mutation(
        "never look whether the gateway is there",
        BASE,
        SILENCE,
        "                if self.heard_at < self.now:\n",
        found_by=("silence",),
        rule="K1",
        says="no ping came though nothing was said",
        is_slow=True,
    ),
    Mutation(
        "wait for the pong without end",
        BASE,
        "                    self._cut(ABNORMAL_CLOSURE, NO_LIFE, by_peer=True)\n",
        "                    self.timers.set(Timer.PONG, self.now + self.limits.pong_s)\n",
        found_by=("silence",),
        rule="K2",
        says="was not cut though nothing was said",
        is_slow=True,
    ),
    Mutation(
        "cut five seconds after a ping",
        BASE,
        "                    self.timers.set(Timer.PONG, self.now + self.limits.pong_s)\n",
        "                    self.timers.set(Timer.PONG, self.now + 5.0)\n",
        found_by=("silence",),
        rule="K2",
        says="it is to wait for 20 s",
        is_slow=True,
    ),
    Mutation(
        "take nothing but the pong for a sign of life",
        BASE,
        ALIVE,
        "                if self.latency_s is not None and self._ping_sent_at < 0.0:\n",
        found_by=("silence",),
        rule="K3",
        says="which is a sign of life",
        is_slow=True,
    ),
)
