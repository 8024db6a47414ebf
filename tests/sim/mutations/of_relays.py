"""Bugs in what lies between gateways and before consoles, for the worlds of two gateways."""

from __future__ import annotations

from tests.sim.mutations.mutation import PROTO, SERVER, Mutation

RELAY = "agentgate_relay"
TALKS = f"{PROTO}/faces/consoles/talks.py"
RELAYING = f"{PROTO}/ledger/relaying.py"
PROVIDERS = f"{PROTO}/providing/providers.py"
SEAT = f"{SERVER}/faces/console_seat.py"
LINK_DESK = f"{SERVER}/faces/link_desk.py"

OF_RELAYS = (
    Mutation(
        "make a logout again on the next connection",
        f"{RELAY}/gateway_link.py",
        "            self._logins.disconnected()\n",
        "            pass\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "name a message anew each time that it comes",
        TALKS,
        "        if not chat.correlation_id:\n",
        "        if number:\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "say that a message was received which was refused",
        TALKS,
        "        self.refuse(refused.ack, words, refused.wanted, "
        'refused.chat.correlation_id or "")\n',
        "        self._answer(refused.ack, Received(event=CHAT))\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "show the last line again when a console has room again",
        SEAT,
        "Cursor(self._cursor.epoch, event.offset + event.count)\n",
        "Cursor(self._cursor.epoch, event.offset)\n",
        seeds=0,
        tests=("tests/server/faces/test_console_seat.py",),
    ),
    Mutation(
        "log out of what somebody is about to log in to",
        LINK_DESK,
        "        if self._pending:\n            return\n",
        "",
        seeds=0,
        tests=("tests/server/faces/test_link_desk.py",),
    ),
    Mutation(
        "ask nobody of what the gateway in front wants asked",
        RELAYING,
        "    if relayed.must_ask and decision.action is Action.ALLOW:\n",
        "    if relayed.must_ask and decision.action is None:\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "ask again of what was approved in front",
        RELAYING,
        "    if decision.action is Action.ASK and relayed.approver and takes_one:\n",
        "    if decision.action is Action.ASK and relayed.approver and not takes_one:\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "say of what nobody knows behind that it has not run",
        f"{RELAY}/ending.py",
        "        case ErrorCode.OUTCOME_UNKNOWN:\n            return unclear(message, record)\n",
        "",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "bring a prompt under another id in the next process",
        "agentgate_client/edge/asking.py",
        "            message_id=MESSAGE_PREFIX + prompt.id,\n",
        "            message_id=f'{MESSAGE_PREFIX}{prompt.id}-{id(self)}',\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "do not say of an answer that it may have been acted on",
        f"{PROTO}/client/prompts.py",
        "            prompt.again = prompt.answer is not None\n",
        "            prompt.again = False\n",
        seeds=0,
        relays=60,
    ),
    Mutation(
        "ask a device again for a write under way when it left",
        PROVIDERS,
        "            if call.effects is Effects.WRITE:\n                text",
        "            if call.effects is None:\n                text",
        seeds=0,
        relays=60,
    ),
)
