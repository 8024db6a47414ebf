"""Clients that are unlike ours, and right: what the specification allows, no test may refuse."""

from __future__ import annotations

from dataclasses import replace

from tests.conformance.wrong.mutation import (
    CONNECTION,
    DRIVER,
    IDS,
    JSONRPC,
    LIFE,
    MACHINE,
    PROVIDING,
    WIRE,
    Mutation,
)

EVERYDAY = ("answers in any order", "acknowledgement", "reconciliation")

CHANGES = (
    Mutation(
        "acknowledge each outcome by itself, at once",
        CONNECTION,
        "        if seq - self._acked_seq >= ACK_COUNT_MAX:\n",
        "        if True:\n",
        rule="N3",
    ),
    Mutation(
        "draw each pause at random",
        LIFE,
        "return Backoff(attempts_max=max_retries, jitter=jitter, rng=SystemRandom())\n",
        "return Backoff(attempts_max=max_retries, jitter=True, rng=SystemRandom())\n",
        rule="B3",
        found_by=("pauses between attempts", "reconciliation"),
    ),
    Mutation(
        "leave out numbers when counting ids",
        IDS,
        "            return self._last + 1\n",
        "            return self._last + 7\n",
        rule="C2",
    ),
    Mutation(
        "name auth by a number",
        CONNECTION,
        'AUTH_ID = "auth-1"\n',
        "AUTH_ID = 1\n",
        rule="A4",
        found_by=("connecting", "reconciliation"),
    ),
    Mutation(
        "send each message in two fragments",
        WIRE,
        "        key = self._masks.randbytes(4)\n",
        "        if first == 0x81 and len(payload) > 1:\n"
        "            self._put_frame(0x01, payload[:1])\n"
        "            return self._put_frame(0x80, payload[1:])\n"
        "        key = self._masks.randbytes(4)\n",
        rule="T6",
        found_by=("connecting", *EVERYDAY),
    ),
    Mutation(
        "send members that nobody knows",
        JSONRPC,
        "    return encode(RequestFrame(VERSION, method, params, request_id))\n",
        "    text = encode(RequestFrame(VERSION, method, params, request_id))\n"
        "    return text[:-1] + b', \"trace\": [null]}'\n",
        rule="M2",
        found_by=("connecting", *EVERYDAY),
    ),
    Mutation(
        "send pongs that nobody asked for",
        CONNECTION,
        "                self._start_keepalive()\n",
        "                self.wire._send_frame(0x8A, b'here I am')\n"
        "                self._start_keepalive()\n",
        rule="T10",
    ),
    Mutation(
        "let a tool run on for which nobody waits",
        MACHINE,
        "                self._providing.stop(call)\n",
        "                pass\n",
        found_by=("a call that nobody waits for",),
        rule="P20",
    ),
    Mutation(
        "keep few answers of the tools that it provides",
        PROVIDING,
        "        while len(self._kept) > KEPT_ANSWERS_MAX or",
        "        while len(self._kept) > 8 or",
        found_by=("an answer that is not kept", "a call that is over and comes again"),
        rule="P19",
    ),
    Mutation(
        "know nothing of words and edits",
        DRIVER,
        ', "knows": ["why", "word", "edited"]}',
        "}",
        found_by=(
            "words and edits",
            "words and edits over a cut",
            "words and edits for a former process",
        ),
        rule="D49",
    ),
)

ALLOWED = tuple(
    replace(each, is_allowed=True, found_by=each.found_by or EVERYDAY) for each in CHANGES
)
