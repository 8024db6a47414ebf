"""Bugs in tools that clients provide. Their worlds are a simulator of their own
(``tests/proto/provider_worlds.py``)."""

from __future__ import annotations

from tests.sim.mutations.mutation import BOOK, PROTO, SERVER, Mutation

PROVIDERS = f"{PROTO}/providing/providers.py"
PROVIDING = f"{PROTO}/client/providing.py"
STANDING = f"{PROTO}/client/standing.py"
WORLDS = "tests/proto/providing/test_worlds.py"

OF_PROVIDING = (
    Mutation(
        "ask again for a write whose provider has left",
        PROVIDERS,
        "            if call.effects is Effects.WRITE:\n                text",
        "            if call.effects is None:\n                text",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "say of a read whose provider has left that nobody knows",
        PROVIDERS,
        "            if call.effects is Effects.WRITE:\n                text",
        "            if call.effects:\n                text",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "forget that a call was sent when its provider leaves",
        PROVIDERS,
        "        for call in provider.asked.values():\n            call.provider = None\n",
        "        for call in provider.asked.values():\n"
        "            call.provider = None\n            call.asks = 0\n",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "wait without an end for a tool that is away",
        PROVIDERS,
        "        else:\n            self._push_deadline(call)\n",
        "",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "let another device of a principal take a name that is in use",
        PROVIDERS,
        "                if name in other.offers:\n",
        "                if name not in self._offers:\n",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "go on waiting for an answer that nobody wants",
        PROVIDERS,
        "            del call.provider.asked[call.request]\n",
        "            pass\n",
        seeds=0,
        tests=("tests/proto/providing/test_providers.py",),
    ),
    Mutation(
        "run what was allowed as a read although it writes by now",
        PROVIDERS,
        "        if offer.tool.effects is not call.effects:\n",
        "        if offer.tool.effects is None:\n",
        seeds=0,
        tests=("tests/proto/providing/test_providers.py",),
    ),
    Mutation(
        "run a call again whose answer is kept",
        PROVIDING,
        "        elif call in self._kept:\n",
        "        elif not call:\n",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "run a call again that runs",
        PROVIDING,
        "        if call in self._asked:\n            askers",
        "        if not call:\n            askers",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "answer a call where it was asked first",
        PROVIDING,
        "[*askers, (connection, event.id)]\n",
        "self._asked[call]\n",
        seeds=0,
        tests=(WORLDS,),
    ),
    Mutation(
        "make all other calls before the standing ones are answered",
        BOOK,
        "        elif self.standing.are_made:\n",
        "        if self.standing.is_open:\n",
        seeds=0,
        tests=("tests/proto/client/test_standing.py",),
    ),
    Mutation(
        "make a standing call on its first connection only",
        STANDING,
        "        self._due.extend(self._calls.values())\n",
        "        self._due.extend(a for a in self._calls.values() if not a.is_settled)\n",
        seeds=0,
        tests=("tests/proto/client/test_standing.py",),
    ),
    Mutation(
        "do not look at the arguments again when a tool is back",
        PROVIDERS,
        "        if problem:\n",
        "        if not problem and False:\n",
        seeds=0,
        tests=("tests/proto/providing/test_providers.py",),
    ),
    Mutation(
        "run what belongs to nobody who may provide",
        f"{SERVER}/tools/provided/desk.py",
        "if form is None or not (self.providers.get(name) or self._may_provide(form[1])):\n",
        "if form is None:\n",
        seeds=0,
        tests=("tests/server/tools/provided/test_desk.py",),
    ),
)
