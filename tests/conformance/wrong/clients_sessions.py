"""Mistakes of clients at level sessions: watching a conversation, across cuts."""

from __future__ import annotations

from tests.conformance.wrong.mutation import ANSWER, FEED, SDK, STREAMS, WATCH, Mutation

CUT = '        data["text"] = data["text"][start:]\n'
END = "            self._move(end)\n"
TAKE = "        elif end > offset:\n"

OF_SESSIONS = (
    # The log
    Mutation(
        "cut a text by bytes",
        FEED,
        CUT,
        '        data["text"] = data["text"].encode()[start:].decode(errors="replace")\n',
        found_by=("what was taken comes again",),
        rule="S10",
        says="instead of text at 2 (4 events)",
    ),
    Mutation(
        "cut a text by the units of UTF-16",
        FEED,
        CUT,
        '        units = data["text"].encode("utf-16-le")[2 * start :]\n'
        '        data["text"] = units.decode("utf-16-le", errors="replace")\n',
        found_by=("what was taken comes again",),
        rule="S10",
        says="instead of text at 2 (4 events)",
    ),
    Mutation(
        "do not count events of a kind that is not known",
        FEED,
        "        if event.kind == BEHIND:\n",
        "        if event.kind not in (*EventKind, GAP, BEHIND):\n"
        "            return\n"
        "        if event.kind == BEHIND:\n",
        found_by=("a run to its end",),
        rule="S11",
        says="was told gap at 10",
    ),
    Mutation(
        "end at a kind of event that is not known",
        FEED,
        "        if event.kind == BEHIND:\n",
        "        if event.kind not in (*EventKind, GAP, BEHIND):\n"
        '            self.end(exception_for(ErrorCode.INTERNAL_ERROR, "no such kind"))\n'
        "        elif event.kind == BEHIND:\n",
        found_by=("a run to its end",),
        rule="S11",
        says="was not told text at 11",
    ),
    Mutation(
        "count each event as one",
        FEED,
        "        offset, end = self.wanted.offset, event.offset + event.count\n",
        "        offset, end = self.wanted.offset, event.offset + 1\n",
        found_by=("watching from a cursor",),
        rule="S7",
    ),
    Mutation(
        "let a gap not move the cursor",
        FEED,
        END,
        "            self._move(offset if event.kind == GAP else end)\n",
        found_by=("the end of a run is in a gap",),
        rule="S14",
        says="after the gap",
    ),
    Mutation(
        "let a word that the watcher was slow move the cursor",
        FEED,
        "        if event.kind == BEHIND:\n            self._put(event)\n",
        "        if event.kind == BEHIND:\n"
        "            self._move(offset + 1)\n"
        "            self._put(event)\n",
        found_by=("a reader that is too slow",),
        rule="S14",
        says="behind is none",
    ),
    Mutation(
        "keep silent about a hole",
        FEED,
        "                self._put(gap(offset, event.offset - offset, {}))\n",
        "                pass\n",
        found_by=("gaps and holes",),
        rule="S15",
        says="instead of gap at 6 (2 events)",
    ),
    Mutation(
        "stand still at a hole",
        FEED,
        TAKE,
        "        elif end > offset and event.offset <= offset:\n",
        found_by=("gaps and holes",),
        rule="S15",
        says="behind the hole",
    ),
    # Runs
    Mutation(
        "give up a message whose answer did not come",
        STREAMS,
        'self._driver.call("send_message", self.message, None)\n',
        'self._driver.call("send_message", self.message, 0.5)\n',
        found_by=("a message whose answer was lost",),
        rule="S24",
        says="instead of send_message",
    ),
    Mutation(
        "keep what the model took back",
        ANSWER,
        "            case EventKind.MODEL_STARTED | EventKind.RESET:\n",
        "            case EventKind.MODEL_STARTED:\n",
        found_by=("text that is taken back",),
        rule="S31",
        says="shows the answer",
    ),
    Mutation(
        "wait for the end of another run",
        FEED,
        '                    is_end and data_of(event).get("run") == self.run\n',
        '                    is_end and data_of(event).get("run") != self.run\n',
        found_by=("a run to its end",),
        rule="S41",
    ),
    Mutation(
        "take the end of any run for that of one's own",
        FEED,
        '                    is_end and data_of(event).get("run") == self.run\n',
        "                    is_end\n",
        found_by=("a run to its end",),
        rule="S41",
    ),
    Mutation(
        "wait for ever for an end that was lost in a gap",
        FEED,
        "            self.ended = self.wanted.offset >= reply.next\n",
        "            self._over_at = NEVER\n",
        found_by=("the end of a run is not kept any more",),
        rule="S41",
        says="says that the run is over",
    ),
    # Watching
    Mutation(
        "take events before the watching is answered",
        WATCH,
        "                if member.follows:\n                    member.feed.take(event)\n",
        "                if True:\n                    member.feed.take(event)\n",
        found_by=("what comes before the answer",),
        rule="S34",
    ),
    Mutation(
        "keep silent about a gap in the answer",
        FEED,
        "        self._put(gap(wanted.offset, lost, reason))\n        self.look_for_run(reply)\n",
        "        self.look_for_run(reply)\n",
        found_by=("the end of a run is not kept any more",),
        rule="S38",
        says="was not told gap at 5",
    ),
    Mutation(
        "keep one's own epoch after a gap in the answer",
        FEED,
        "        self.wanted = Cursor(reply.epoch, reply.offset)\n        if wanted is None",
        "        epoch = wanted.epoch if wanted is not None else reply.epoch\n"
        "        self.wanted = Cursor(epoch, reply.offset)\n        if wanted is None",
        found_by=("a cursor that is no good",),
        rule="S38",
        says="as the answer has it",
    ),
    Mutation(
        "watch no more after a reconnect",
        SDK,
        "                self._sessions.reconnected()\n",
        "                pass\n",
        found_by=("cuts in the midst of a run",),
        rule="S39",
        says="was not attached to",
    ),
    Mutation(
        "watch from the beginning again after a reconnect",
        WATCH,
        "        self._is_attached = False\n"
        "        for member in self._members:\n"
        "            member.follows = False\n\n    def closed",
        "        self._is_attached = False\n"
        "        for member in self._members:\n"
        "            member.follows = False\n"
        "            member.feed.wanted = Cursor(member.feed.wanted.epoch, 0)\n\n    def closed",
        found_by=("cuts in the midst of a run",),
        rule="S39",
        says="attach",
    ),
    Mutation(
        "take events again that were taken before",
        FEED,
        TAKE,
        "        elif True:\n",
        found_by=("what was taken comes again",),
        rule="S40",
    ),
    Mutation(
        "drop a text that begins below the cursor",
        FEED,
        TAKE,
        "        elif event.offset >= offset:\n",
        found_by=("cuts in the midst of a run",),
        rule="S40",
        says="instead of text at 6 (5 events)",
    ),
    Mutation(
        "take a text whole that begins below the cursor",
        FEED,
        "            self._put(event if event.offset >= offset else cut(event, offset))\n",
        "            self._put(event)\n",
        found_by=("what was taken comes again",),
        rule="S40",
    ),
    Mutation(
        "guess the rest of a text without cuts",
        FEED,
        "    else:\n        return gap(offset, rest, {})\n    return SessionEvent(offset=offset",
        "    else:\n        raw = event.data\n    return SessionEvent(offset=offset",
        found_by=("a text without cuts",),
        rule="S40",
        says="instead of gap at 1 (2 events)",
    ),
)
