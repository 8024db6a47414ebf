"""Refusing arguments of the SDK that can't be right, before anything is sent."""

from __future__ import annotations

from agentgate_proto.limits import JOIN_S_MAX, NAME_CHARS_MAX, WORDS_CHARS_MAX


def check_timeout(timeout_s: float | None) -> float | None:
    """Refuse what is no span of time."""
    if timeout_s is not None and not 0 < timeout_s < float("inf"):
        raise ValueError("timeout_s is a number of seconds above 0, or None for no limit")
    return timeout_s


def check_name(what: str, name: str, *, optional: bool = False) -> str:
    """Refuse a name that the gateway would not take."""
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")
    if len(name) > NAME_CHARS_MAX or not (name or optional):
        raise ValueError(f"{what} must have 1 to {NAME_CHARS_MAX} characters")
    return name


def check_why(why: str) -> str:
    """Refuse what is no sentence or two."""
    if not isinstance(why, str):
        raise TypeError(f"why must be a str, not {type(why).__name__}")
    if len(why) > WORDS_CHARS_MAX:
        raise ValueError(f"why has {len(why)} characters; at most {WORDS_CHARS_MAX} are shown")
    return why


def check_join_s(join_s: float) -> float:
    """Refuse a time that the gateway would not take."""
    if isinstance(join_s, bool) or not isinstance(join_s, int | float):
        raise TypeError(f"join_s must be a number, not {type(join_s).__name__}")
    if not 0.0 <= join_s <= JOIN_S_MAX:
        raise ValueError(f"join_s must be between 0 and {JOIN_S_MAX:,.0f}, in seconds")
    return float(join_s)
