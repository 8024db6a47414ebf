"""Dialogues: who can be asked about a request, and who is told."""

from __future__ import annotations

import msgspec

from agentgate_server.tools.dialogue import ELICITATION_FORM, ROOTS, Asker, Dialogues

PARAMS = msgspec.Raw(b"{}")


class Client:
    def __init__(self, *can: str) -> None:
        self.can = frozenset(can)
        self.told: list[tuple[str, bytes]] = []

    async def ask(self, method: str, params: msgspec.Raw, timeout_s: float) -> msgspec.Raw:
        raise NotImplementedError

    def tell(self, method: str, params: msgspec.Raw) -> None:
        self.told.append((method, bytes(params)))


def test_nobody_can_be_asked_before_a_gate_says_who() -> None:
    dialogues = Dialogues()
    assert dialogues.one_who_can("r1", ROOTS) is None
    assert dialogues.abilities("r1") == frozenset()
    dialogues.tell("r1", "notifications/message", PARAMS)


def test_the_first_who_can_is_asked_and_all_are_told() -> None:
    clients = [Client(ROOTS), Client(ROOTS, ELICITATION_FORM), Client(ELICITATION_FORM)]
    dialogues = Dialogues()
    known: dict[str, list[Asker]] = {"r1": [*clients]}
    dialogues.find = lambda rid: known.get(rid, [])
    assert dialogues.one_who_can("r1", ROOTS) is clients[0]
    assert dialogues.one_who_can("r1", ELICITATION_FORM) is clients[1]
    assert dialogues.one_who_can("r2", ROOTS) is None
    assert dialogues.abilities("r1") == {ROOTS, ELICITATION_FORM}
    dialogues.tell("r1", "notifications/progress", PARAMS)
    assert [client.told for client in clients] == [[("notifications/progress", b"{}")]] * 3
