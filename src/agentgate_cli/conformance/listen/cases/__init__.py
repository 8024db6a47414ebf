"""All cases, level by level."""

from agentgate_cli.conformance.listen.case import Case
from agentgate_cli.conformance.listen.cases import (
    back_off,
    closing,
    frames,
    keep_alive,
    kept_rows,
    minimal,
    opening,
    providing,
    reconnect,
    retention,
    sessions,
    withdrawing,
    words,
)

ALL: tuple[Case, ...] = (
    *minimal.CASES,
    *words.CASES,
    *frames.CASES,
    *closing.CASES,
    *opening.CASES,
    *reconnect.CASES,
    *retention.CASES,
    *back_off.CASES,
    *withdrawing.CASES,
    *keep_alive.CASES,
    *kept_rows.CASES,
    *sessions.CASES,
    *providing.CASES,
)
