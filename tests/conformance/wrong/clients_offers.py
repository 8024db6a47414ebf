"""Mistakes of clients that offer tools: when, what follows a refusal, where they answer."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

BOOK = "agentgate_proto/client/call_book.py"
STANDING = "agentgate_proto/client/standing.py"
PROVIDING = "agentgate_proto/client/providing.py"
OFFERING = "agentgate_client/offering.py"

OF_OFFERS = (
    Mutation(
        "let other calls go out before the offer is answered",
        BOOK,
        "        elif self.standing.are_made:\n            self.ready = True\n",
        "        if self.standing.is_open:\n            self.ready = True\n",
        found_by=("tools on every connection",),
        rule="P7",
        says="other calls wait for the answer to the offer",
    ),
    Mutation(
        "offer tools no more that were refused once",
        STANDING,
        "            self._events.append(kind(call.handle, result, error))\n",
        "            self._events.append(kind(call.handle, result, error))\n"
        "            if error is not None:\n"
        "                self.remove(call.handle)\n",
        found_by=("an offer that is refused later",),
        rule="P7",
        says="no tools.provide came",
    ),
    Mutation(
        "keep silent to the user when an offer is refused",
        OFFERING,
        "            driver.provided.tools = before\n            raise\n",
        "            driver.provided.tools = before\n            return []\n",
        found_by=("an offer that is refused",),
        rule="P8",
        says="the user was told",
    ),
    Mutation(
        "answer where the gateway asked last, whatever it asked there",
        PROVIDING,
        "            send(connection, request_id, answer)\n        self._kept[call] = answer\n",
        "            others = [each[0] for askers in self._asked.values() for each in askers]\n"
        "            if others and others[-1] is not connection:\n"
        "                from agentgate_proto.rpc.jsonrpc import encode_success\n"
        "                text = encode_success(request_id, msgspec.Raw(answer.data))\n"
        "                others[-1]._send_text(text)\n"
        "            send(connection, request_id, answer)\n"
        "        self._kept[call] = answer\n",
        found_by=("a call that still runs and comes again",),
        rule="P14",
        says='has the id "t2" instead of "t7"',
    ),
)
