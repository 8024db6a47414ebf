"""Bugs in what is heard of a house: its WebSocket, the mirror, and what is said of services."""

from __future__ import annotations

from tests.sim.mutations.mutation import SERVER, Mutation

HOME = f"{SERVER}/tools/home_assistant"
TESTS = "tests/server/tools/home_assistant"

OF_HOUSES = (
    Mutation(
        "let a credential in with a change of a state",
        f"{HOME}/mirror.py",
        "            fresh = without_credentials(new.a)\n",
        "            fresh = new.a\n",
        seeds=0,
        tests=(f"{TESTS}/test_mirror.py",),
    ),
    Mutation(
        "say of a command that was on its way that nothing was sent",
        f"{HOME}/link.py",
        "            if machine.unsent(number):\n",
        "            if True:\n",
        seeds=0,
        tests=(f"{TESTS}/test_link.py",),
    ),
    Mutation(
        "take an answer that is late for that of a later command",
        f"{HOME}/machine.py",
        "        if message.id not in self._waiting:\n            return\n"
        "        self._waiting.remove(message.id)\n",
        "        self._waiting.discard(message.id)\n",
        seeds=0,
        tests=(f"{TESTS}/test_machine.py",),
    ),
    Mutation(
        "trust the mirror after its connection is over",
        f"{HOME}/mirror.py",
        '        """Forget everything: the connection is over."""\n        self.is_live = False\n',
        '        """Forget everything: the connection is over."""\n',
        seeds=0,
        tests=(f"{TESTS}/test_link.py",),
    ),
    Mutation(
        "do not see that a group holds others now",
        f"{HOME}/mirror.py",
        "        if any(self._holding(name) != held for name, held in before.items()):\n",
        "        if False:\n",
        seeds=0,
        tests=(f"{TESTS}/test_mirror.py",),
    ),
    Mutation(
        "forget that an entity without an area is where its device is",
        f"{HOME}/registries.py",
        "        return device.area_id if device is not None else None\n",
        "        return None\n",
        seeds=0,
        tests=(f"{TESTS}/test_mirror.py", f"{TESTS}/test_link.py"),
    ),
    Mutation(
        "call a service for an entity that is not there",
        f"{HOME}/services.py",
        "        refuse(targets, name)\n",
        "",
        seeds=0,
        tests=(f"{TESTS}/test_services.py",),
    ),
    Mutation(
        "say of a call without an answer that it failed",
        f"{HOME}/link.py",
        "    if answer is None:\n        raise EffectUnknown(\n",
        "    if answer is None:\n        raise ToolFailed(\n",
        seeds=0,
        tests=(f"{TESTS}/test_services.py",),
    ),
    Mutation(
        "take the answer of an old version for the end of a service",
        f"{HOME}/services.py",
        "tuple(map(int, parts)) >= BLOCKS_SINCE",
        "len(parts) > 1",
        seeds=0,
        tests=(f"{TESTS}/test_services.py",),
    ),
    Mutation(
        "never give up a house that is silent",
        f"{HOME}/machine.py",
        "        elif self._pinged:\n",
        "        elif False:\n",
        seeds=0,
        tests=(f"{TESTS}/test_machine.py",),
    ),
)
