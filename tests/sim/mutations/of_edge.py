"""Bugs in what devices are owed and in what they keep. Their worlds are of their own
(``tests/proto/faces/test_edge_world.py``, ``tests/proto/client/test_prompts.py``)."""

from __future__ import annotations

from tests.sim.mutations.mutation import PROTO, Mutation

FACE = f"{PROTO}/faces/edge.py"
ANSWERS = f"{PROTO}/faces/edge_answers.py"
PROMPTS = f"{PROTO}/client/prompts.py"
SPOOL = f"{PROTO}/client/spool.py"
OWED = "tests/proto/faces/test_edge_answers.py"
WORLD = "tests/proto/faces/test_edge_world.py"
DEVICES = "tests/proto/faces/test_edge.py"
LIVES = "tests/proto/client/test_prompts.py"
LINES = "tests/proto/client/test_spool.py"

OF_EDGE = (
    Mutation(
        "take an answer for received when it was sent",
        FACE,
        "        self._ping_at = 0.0  # the next ping is its receipt, and is due\n",
        "        self._owing.received(self._count + 1)\n        self._keep_mark()\n",
        seeds=0,
        tests=(DEVICES, WORLD),
    ),
    Mutation(
        "take the pong before an answer for its receipt",
        FACE,
        "        self._owing.sent(run, self._count + 1)\n",
        "        self._owing.sent(run, self._count)\n",
        seeds=0,
        tests=(DEVICES, WORLD),
    ),
    Mutation(
        "move the mark past what is owed",
        ANSWERS,
        "            offset=max(self.first, self._kept.offset),\n",
        "            offset=max(self.next, self._kept.offset),\n",
        seeds=0,
        tests=(OWED, WORLD),
    ),
    Mutation(
        "forget what is settled behind the mark",
        ANSWERS,
        "        settled = list(self._settled) if self.owed else []\n",
        "        settled: list[str] = []\n",
        seeds=0,
        tests=(DEVICES, WORLD),
    ),
    Mutation(
        "let each connection of a device take the newest session",
        FACE,
        "            case SessionList(sessions=[*_, oldest]):\n",
        "            case SessionList(sessions=[oldest, *_]):\n",
        seeds=0,
        tests=(DEVICES, WORLD),
    ),
    Mutation(
        "never let go of a device that is gone",
        FACE,
        "        if self._pings and now >= self._heard_at + PONG_S:\n",
        "        if self._pings and now >= self._heard_at + 900 * PONG_S:\n",
        seeds=0,
        tests=(DEVICES,),
    ),
    Mutation(
        "name a prompt anew each time that it comes",
        FACE,
        "            message_id=MESSAGE_PREFIX + prompt.request_id,\n",
        "            message_id=f'{MESSAGE_PREFIX}{prompt.request_id}-{len(self._effects)}'[:200]\n"
        "            + str(self._count),\n",
        seeds=0,
        tests=(DEVICES, WORLD),
    ),
    Mutation(
        "ask a prompt again that was put twice",
        PROMPTS,
        "        if known is not None or name in self._known:\n            return []\n",
        "        if known is not None:\n            return []\n",
        seeds=0,
        tests=(LIVES,),
    ),
    Mutation(
        "drop a prompt that was sent",
        PROMPTS,
        "                if not old.session and old.answer is None:\n",
        "                if old.answer is None:\n",
        seeds=0,
        tests=(LIVES,),
    ),
    Mutation(
        "leave answers out when the spool is written anew",
        PROMPTS,
        "            if prompt.answer is not None:\n                found.append(prompt.answer)\n",
        "",
        seeds=0,
        tests=(LIVES,),
    ),
    Mutation(
        "read what the end of a broken write says",
        SPOOL,
        "    if checksum != checksum_of(body):\n",
        "    if not checksum:\n",
        seeds=0,
        tests=(LINES,),
    ),
    Mutation(
        "go on writing after half a line",
        SPOOL,
        "        damaged, end = damaged + broken, position\n",
        "        damaged, end = damaged + broken, len(content)\n",
        seeds=0,
        tests=(LIVES, LINES),
    ),
)
