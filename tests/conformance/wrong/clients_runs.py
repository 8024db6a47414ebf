"""Mistakes of clients that say something in a session and read the run to its end."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

FEED = "agentgate_proto/client/session_feed.py"
WATCH = "agentgate_proto/client/session_watch.py"
STREAMS = "agentgate_client/session_streams.py"

SEND = '                result = await self._driver.call("send_message", self.message, None)\n'

OF_RUNS = (
    Mutation(
        "name a message anew when it is said again",
        STREAMS,
        SEND,
        "                from msgspec.structs import replace\n"
        "                while True:\n"
        "                    try:\n"
        '                        call = self._driver.call("send_message", self.message, 0.3)\n'
        "                        result = await call\n"
        "                        break\n"
        "                    except AgentGateError:\n"
        "                        again = self.message.message_id + '+'\n"
        "                        self.message = replace(self.message, message_id=again)\n",
        found_by=("a message whose answer was lost",),
        rule="S24",
        says='instead of {"session":"s-again"',
    ),
    Mutation(
        "take a run that waits for its turn for one that is over",
        FEED,
        "        if self.run and reply.run != self.run and self.run not in reply.waiting:\n",
        "        if self.run and reply.run != self.run:\n",
        found_by=("a run to its end", "a gap in a run that goes on"),
        rule="S41",
        says="was not told",
    ),
    Mutation(
        "ask after no gap whether the run is over",
        FEED,
        "        if event.kind == GAP and self.run:\n",
        "        if event.kind == GAP and self.run and not event.at:\n",
        found_by=("the end of a run is in a gap",),
        rule="S41",
        says="was not attached to",
    ),
    Mutation(
        "take no notice of a session that is deleted",
        WATCH,
        "            if event.kind == GONE:\n",
        "            if event.kind == GONE and event.count:\n",
        found_by=("a session that is deleted",),
        rule="S50",
        says="the session is gone, which ends its reader",
    ),
)
