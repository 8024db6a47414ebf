"""What a request brings along: by its era, or by its session."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.faces.mcp.eras import CAPABILITIES_KEY, LOG_LEVEL_KEY, Era
from agentgate_proto.faces.mcp.messages import NO_META, Meta
from agentgate_proto.faces.mcp.seals import SessionSeal
from agentgate_proto.principal import Principal, Role
from agentgate_proto.wire.headers import Headers
from agentgate_server.faces.mcp_visits import TOKEN_CHARS_MAX, Visit, token_in

SESSION = SessionSeal("nonce", "2025-11-25", ("roots",), 0)
SAID = {
    CAPABILITIES_KEY: {
        "elicitation": {},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    },
    LOG_LEVEL_KEY: "debug",
    "progressToken": 0,
}
META = msgspec.convert(SAID, Meta)


def visit(era: Era, **members: Any) -> Visit:
    given: dict[str, Any] = {
        "peer": None,
        "who": Principal(name="ann", role=Role.AGENT),
        "token_hash": "",
        "era": era,
        "version": "2026-07-28",
        "session": None,
        "level": "",
        "headers": Headers(),
        "carrier": None,
    }
    return Visit(**(given | members))


def test_a_modern_request_says_itself_what_its_client_can_do() -> None:
    modern = visit(Era.MODERN)
    assert modern.can(META) == {"elicitation.form"}
    assert modern.can(NO_META) == frozenset()
    assert modern.knows_tasks(META)
    assert not modern.knows_tasks(NO_META)
    assert modern.hears(META) == "debug"
    assert modern.hears(NO_META) == ""
    assert (modern.bad, modern.session_key) == (400, "")


def test_of_a_legacy_request_its_session_says_so() -> None:
    legacy = visit(Era.LEGACY, session=SESSION, level="error")
    assert legacy.can(META) == {"roots"}
    assert not legacy.knows_tasks(META)
    assert legacy.hears(META) == "error"
    assert (legacy.bad, legacy.session_key) == (200, "nonce")
    bare = visit(Era.LEGACY)
    assert bare.can(META) == frozenset()
    assert bare.hears(META) == "info"


def test_a_token_may_be_any_number_or_text() -> None:
    assert token_in(META) == 0
    assert token_in(NO_META) is None
    assert token_in(Meta(progress_token="t" * TOKEN_CHARS_MAX)) == "t" * TOKEN_CHARS_MAX


def test_no_progress_repeats_a_token_without_end() -> None:
    assert token_in(Meta(progress_token="t" * (TOKEN_CHARS_MAX + 1))) is None
    assert token_in(Meta(progress_token=10**TOKEN_CHARS_MAX)) is None
