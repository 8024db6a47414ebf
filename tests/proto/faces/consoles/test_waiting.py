"""Each principal has a share of what may wait, whatever others do."""

from __future__ import annotations

from agentgate_proto.faces.consoles.waiting import BYTES_MAX, MESSAGES_MAX, Waiting


def test_a_principal_may_have_so_many_messages_and_so_many_bytes() -> None:
    waiting = Waiting()
    assert all(waiting.take("anna", 1) for _ in range(MESSAGES_MAX))
    assert not waiting.take("anna", 0)
    assert waiting.take("bob", BYTES_MAX)
    assert not waiting.take("bob", 1)
    assert waiting.take("bob", 0)


def test_what_waits_no_more_makes_room() -> None:
    waiting = Waiting()
    assert waiting.take("anna", BYTES_MAX - 1)
    assert waiting.take("anna", 1)
    waiting.give_back("anna", 1)
    assert waiting.take("anna", 1)
    waiting.give_back("anna", 1)
    waiting.give_back("anna", BYTES_MAX - 1)
    assert waiting.take("anna", BYTES_MAX)
