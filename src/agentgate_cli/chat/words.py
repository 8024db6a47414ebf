"""What is said of a session's events, in one line each."""

from __future__ import annotations

from typing import Any

from agentgate_cli.figures import dollars, usage_line
from agentgate_cli.style import bad, bold, dim, good, warn
from agentgate_cli.text import clock, compact, fold, plural, printable

ARGS_CHARS_MAX = 300
RESULT_CHARS_MAX = 600

ENDS = {
    "completed": "",
    "max_tokens": "the answer is cut: the model reached its limit of tokens",
    "refusal": "the model would not answer",
    "cancelled": "cancelled",
    "interrupted": "interrupted: the gateway was stopped; what is above is kept",
    "truncated": "the model's answer broke off",
    "failed": "the model could not be asked",
    "budget": "over budget",
    "max_iterations": "stopped: the model was asked as often as it may be",
}
"""What is said of a run by how it ended."""


def text_in(data: dict[str, Any], name: str) -> str:
    """Return a member of an event as a text; "" if there is none."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def call_line(data: dict[str, Any]) -> str:
    """Say which tool the model wants."""
    args = fold(compact(data.get("args", {})), ARGS_CHARS_MAX)
    return f"→ {bold(printable(text_in(data, 'tool')))} {args}"


def result_line(data: dict[str, Any]) -> str:
    """Say how a tool call ended."""
    tool, status = printable(text_in(data, "tool")), text_in(data, "status")
    late = dim(" (after the run)") if data.get("late") else ""
    people = people_line(data)
    if status == "executed":
        result = fold(compact(data.get("result")), RESULT_CHARS_MAX)
        return f"← {tool}: {good('executed')}{late} {result}{people}"
    colour = warn if status in ("unknown", "expired", "cancelled") else bad
    error = fold(printable(text_in(data, "error")), RESULT_CHARS_MAX)
    return f"← {tool}: {colour(printable(status.replace('_', ' ')))}{late} {error}{people}"


def people_line(data: dict[str, Any]) -> str:
    """Say below it what people have made of a tool call, if anything; the error has a no's word."""
    said = []
    if "edited" in data:
        said.append(f"ran with {fold(compact(data['edited']), ARGS_CHARS_MAX)}, as a person edited")
    word = text_in(data, "word")
    if word and not text_in(data, "error").endswith(f": {word}"):
        said.append(f"the person says: “{fold(printable(word), RESULT_CHARS_MAX)}”")
    return f"\n  {dim('; '.join(said))}" if said else ""


def approval_line(data: dict[str, Any]) -> str:
    """Say that a person is asked."""
    what = fold(printable(text_in(data, "signature")), ARGS_CHARS_MAX)
    until = text_in(data, "expires_at")
    rule = printable(text_in(data, "rule"))
    return warn("waiting for a person") + f": {what}  ({rule}, until {clock(until)})"


def end_line(data: dict[str, Any]) -> str:
    """Say how a run ended; "" if it went well."""
    status = text_in(data, "status")
    words = ENDS.get(status, status)
    if not words:
        return ""
    reason = text_in(data, "reason")
    more = f": {fold(printable(reason), RESULT_CHARS_MAX)}" if reason else ""
    return (warn if status == "cancelled" else bad)(printable(words)) + more


def still_running_line(names: list[str]) -> str:
    """Say which tools may still run, after a run was cancelled."""
    tools = ", ".join(map(printable, names))
    return warn("still running") + f": {tools}; what becomes of it is noted in the session"


def still_running_in(data: dict[str, Any]) -> list[str]:
    """Return the tools that may still run after a run."""
    rows = data.get("still_running")
    if not isinstance(rows, list):
        return []
    return [text_in(row, "tool") for row in rows if isinstance(row, dict)]


def cost_line(data: dict[str, Any]) -> str:
    """Say what a run took."""
    import msgspec

    from agentgate_proto.records.usage import Usage

    try:
        usage = msgspec.convert(data.get("usage", {}), Usage)
    except msgspec.ValidationError:
        usage = Usage()
    micros = data.get("cost_micros")
    cost = dollars(micros) if isinstance(micros, int) else "cost unknown"
    return f"{usage_line(usage)} · {cost}"


def retry_line(data: dict[str, Any]) -> str:
    """Say that the model is asked again."""
    wait_s = data.get("wait_s")
    pause = f" in {wait_s:.0f} s" if isinstance(wait_s, int | float) and wait_s >= 1 else ""
    return f"asking again{pause}: {fold(printable(text_in(data, 'reason')))}"


def reset_line(data: dict[str, Any], *, was_settled: bool) -> str:
    """Say that an attempt failed and its text is void."""
    what = "what it said above is withdrawn" if was_settled else "what it said is withdrawn"
    return f"the model's answer broke off, {what}: {fold(printable(text_in(data, 'reason')))}"


def gap_line(count: int, data: dict[str, Any]) -> str:
    """Say that events are not to be had."""
    reason = {"retention": "no longer kept", "epoch": "of another log", "ahead": "not there yet"}
    why = reason.get(text_in(data, "reason"), "lost when the gateway stopped")
    return f"… {plural(count, 'event')} missing here: {why} …"
