"""What the engine says: every ending has a close code, and no words give a secret away."""

from __future__ import annotations

import msgspec

from agentgate_proto.faces.engineio.events import CLOSE_CODES, POLICY, Ending, Opened, Respond


def test_a_websocket_may_be_closed_with_the_code_of_every_ending() -> None:
    for ending in Ending:
        code = CLOSE_CODES.get(ending, POLICY)
        assert 1000 <= code <= 1015 or 4000 <= code <= 4999
        assert code not in (1004, 1005, 1006, 1015)  # never on the wire (RFC 6455 section 7.4)
        assert len(ending.value.encode()) <= 123


def test_who_comes_back_is_told_to_by_overload_and_restart() -> None:
    assert CLOSE_CODES[Ending.RESTART] == 1012
    assert CLOSE_CODES[Ending.SLOW] == CLOSE_CODES[Ending.BUSY] == 1013


def test_no_event_names_a_session_by_its_secret() -> None:
    for kind in (Opened, Respond):
        assert "sid" not in msgspec.structs.fields(kind)
