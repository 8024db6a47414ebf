"""Sessions: good for a week, after a restart too, for their principal alone, until they end."""

from __future__ import annotations

from agentgate_server.faces.mcp_sessions import ENDED_MAX, LEVELS_MAX, SESSION_S, Sessions


class Now:
    """A clock."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def sessions(now: Now) -> Sessions:
    return Sessions(lambda: b"k" * 32, now)


def test_a_session_says_what_was_agreed_on_after_a_restart_too() -> None:
    now = Now()
    text = sessions(now).begin("ann", "2025-11-25", frozenset({"roots", "elicitation.form"}))
    found = sessions(now).find("ann", text)
    assert found is not None
    assert (found.version, found.can) == ("2025-11-25", ("elicitation.form", "roots"))
    assert sessions(now).find("bob", text) is None
    assert Sessions(lambda: b"j" * 32, now).find("ann", text) is None
    now.seconds += SESSION_S
    assert sessions(now).find("ann", text) is None


def test_each_session_is_another_one() -> None:
    all_of_them = sessions(Now())
    one, two = (all_of_them.begin("ann", "2025-11-25", frozenset()) for _ in range(2))
    assert one != two


def test_a_session_that_was_ended_is_none_any_more() -> None:
    all_of_them = sessions(Now())
    one, two = (all_of_them.begin("ann", "2025-11-25", frozenset()) for _ in range(2))
    first, second = all_of_them.find("ann", one), all_of_them.find("ann", two)
    assert first is not None
    assert second is not None
    all_of_them.end("ann", first)
    assert all_of_them.find("ann", one) is None
    assert all_of_them.find("ann", two) is not None
    for _ in range(ENDED_MAX):
        other = all_of_them.find("ann", all_of_them.begin("ann", "2025-11-25", frozenset()))
        assert other is not None
        all_of_them.end("ann", other)
    assert all_of_them.find("ann", one) is not None  # forgotten: of very many, the oldest


def test_a_session_has_its_own_level() -> None:
    all_of_them = sessions(Now())
    one, two = (
        all_of_them.find("ann", all_of_them.begin("ann", "2025-11-25", frozenset()))
        for _ in range(2)
    )
    assert one is not None
    assert two is not None
    assert all_of_them.level("ann", None) == ""
    assert all_of_them.level("ann", one) == ""
    all_of_them.set_level("ann", one, "error")
    all_of_them.set_level("ann", one, "debug")
    assert all_of_them.level("ann", one) == "debug"
    assert all_of_them.level("ann", two) == ""
    for _ in range(LEVELS_MAX):
        other = all_of_them.find("ann", all_of_them.begin("ann", "2025-11-25", frozenset()))
        assert other is not None
        all_of_them.set_level("ann", other, "info")
    assert all_of_them.level("ann", one) == ""
