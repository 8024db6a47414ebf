"""What happened, in words: a sentence for each event of the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentgate_cli.style import bad, good, warn
from agentgate_cli.text import clock, compact, fold, plural, printable, short_id

FIELD_CHARS_MAX = 200

SHOWN_BY_ITSELF = frozenset({"seq", "at", "event", "hash", "agent", "tool", "rid"})
OURS = frozenset({"gateway", "policy", "audit"})
"""Events of nobody but the gateway."""

Entry = dict[str, Any]


def text_of(entry: Entry, name: str) -> str:
    """Return a field that ought to be a text."""
    value = entry.get(name, "")
    return value if isinstance(value, str) else str(value)


def who_of(entry: Entry) -> str:
    """Say who did it, or about whom it is."""
    who = text_of(entry, "agent") or text_of(entry, "principal")
    behalf = text_of(entry, "on_behalf_of")
    if not who:
        who = "gateway" if text_of(entry, "event").partition(".")[0] in OURS else "-"
    return printable(f"{who}/{behalf}" if behalf else who)


def by(entry: Entry) -> str:
    """Name the person, and where they were."""
    approver, channel = text_of(entry, "approver"), text_of(entry, "channel")
    where = f" ({channel})" if channel else ""
    return printable(f"by {approver}{where}") if approver else ""


def word_of(entry: Entry) -> str:
    """Quote what a person said to the agent, if anything."""
    word = text_of(entry, "word")
    return f': "{printable(word)}"' if word else ""


def rule_of(entry: Entry) -> str:
    """Name the rule that decided, in its words."""
    rule, words = text_of(entry, "rule"), text_of(entry, "description")
    return printable(f"{words} ({rule})" if words and rule else words or rule)


def asked(entry: Entry) -> str:
    """Say who is asked, until when and why."""
    until = text_of(entry, "expires_at")
    needs = entry.get("approvers_needed")
    people = plural(needs, "person") if isinstance(needs, int) and needs > 1 else "a person"
    people = people.replace("persons", "people")
    limit = f", until {clock(until)}" if until else ""
    why = text_of(entry, "why")
    said = f'; it says "{printable(why)}"' if why else ""
    return f"asks {people}{limit}: {rule_of(entry)}{said}"


def endorsed(entry: Entry) -> str:
    """Say that one of several people agreed."""
    so_far = f"{entry.get('count', 1)} of {entry.get('approvers_needed', 2)}"
    return f"yes {by(entry)}, {so_far}{word_of(entry)}"


def started(entry: Entry) -> str:
    """Say that it runs, and why it may if nobody was asked."""
    return f"started, allowed: {rule_of(entry)}" if entry.get("decision") else "started"


def ended(entry: Entry) -> str:
    """Say how a request ended."""
    status, rule = text_of(entry, "status"), rule_of(entry)
    took = entry.get("duration_s")
    seconds = f" in {took:g} s" if isinstance(took, int | float) and took else ""
    message = printable(text_of(entry, "message"))
    if text_of(entry, "joined"):
        return f"{status}, as {short_id(text_of(entry, 'joined'))} was, which it repeats"
    match status:
        case "executed":
            return f"done{seconds}" + (f", allowed: {rule}" if rule else "")
        case "denied" if rule:
            return f"denied: {rule}"
        case "denied":
            return " ".join(filter(None, ("denied", by(entry)))) + word_of(entry)
        case "cancelled":
            return "withdrawn by the agent"
        case "unknown":
            return f"unknown, it may have taken effect: {message}"
        case _:
            return f"{printable(status)}: {message}" if message else printable(status)


def told(entry: Entry) -> str:
    """Say what is told of many requests at once."""
    kind = text_of(entry, "event").partition(".")[2]
    count = entry.get("count", 0)
    return f"{plural(count, 'more request') if isinstance(count, int) else count} {printable(kind)}"


def grant_made(entry: Entry) -> str:
    """Say what a grant covers."""
    names = entry.get("any_args") or ()
    differ = f", any {', '.join(map(printable, names))}" if names else ""
    limit = f", until {clock(text_of(entry, 'expires_at'))}" if entry.get("expires_at") else ""
    return f"grant {by(entry)}{differ}{limit}, {plural(entry.get('uses_max', 1), 'time')} at most"


def grant_used(entry: Entry) -> str:
    """Say how much of a grant is used up."""
    return f"under a grant, use {entry.get('uses', '?')} of {entry.get('uses_max', '?')}"


def muted(entry: Entry) -> str:
    """Say until when nobody is asked about an agent."""
    return f"muted {by(entry)} until {clock(text_of(entry, 'expires_at'))}"


def login(entry: Entry) -> str:
    """Say from where somebody came with a wrong token."""
    count = entry.get("count", 1)
    often = f", {plural(count, 'time')}" if isinstance(count, int) and count > 1 else ""
    where = f" from {printable(text_of(entry, 'address'))}" if entry.get("address") else ""
    return f"login failed{where}{often}"


def run_ended(entry: Entry) -> str:
    """Say how a run ended, and what it cost."""
    from agentgate_cli.figures import dollars

    cost = entry.get("cost_micros")
    price = f", {dollars(cost)}" if type(cost) is int else ""
    return f"run ended: {printable(text_of(entry, 'status'))}{price}, session {session_of(entry)}"


def session_of(entry: Entry) -> str:
    """Name a session."""
    return short_id(text_of(entry, "session"))


def policy_loaded(entry: Entry) -> str:
    """Name the policy that is in force."""
    name, digest = printable(text_of(entry, "name")), text_of(entry, "sha256")[:12]
    return f"policy {name} ({printable(digest)}) is in force"


WORDS: dict[str, tuple[Callable[[str], str], Callable[[Entry], str]]] = {
    "request.asked": (warn, asked),
    "request.endorsed": (good, endorsed),
    "request.edited": (warn, lambda entry: f"edited {by(entry)}, from what was asked before"),
    "request.approved": (good, lambda entry: f"approved {by(entry)}{word_of(entry)}"),
    "request.started": (str, started),
    "request.ended": (str, ended),
    "requests.denied": (bad, told),
    "requests.read": (str, told),
    "requests.withdrawn": (str, told),
    "requests.repeated": (str, told),
    "grant.made": (good, grant_made),
    "grant.used": (str, grant_used),
    "grant.revoked": (str, lambda entry: f"grant ended {by(entry)}"),
    "agent.muted": (warn, muted),
    "agent.unmuted": (str, lambda entry: f"no longer muted, {by(entry)}"),
    "login.failed": (bad, login),
    "agent.login_failed": (bad, login),
    "gateway.started": (str, lambda e: f"started, version {printable(text_of(e, 'version'))}"),
    "gateway.stopped": (str, lambda _: "stopped"),
    "policy.loaded": (str, policy_loaded),
    "policy.refused": (bad, lambda entry: f"policy refused: {printable(text_of(entry, 'detail'))}"),
    "session.created": (
        str,
        lambda e: f"session {session_of(e)} made, model {printable(text_of(e, 'model'))}",
    ),
    "session.run_started": (
        str,
        lambda e: f"run begun, model {printable(text_of(e, 'model'))}, session {session_of(e)}",
    ),
    "session.run_ended": (str, run_ended),
    "session.deleted": (str, lambda entry: f"session {session_of(entry)} deleted"),
    "audit.broken": (bad, lambda entry: f"audit broken: {printable(text_of(entry, 'detail'))}"),
}
"""How each event is said; one that is not here is said by its fields."""

ENDS: dict[str, Callable[[str], str]] = {"executed": good, "denied": bad, "failed": bad}


def sentence_of(entry: Entry) -> tuple[Callable[[str], str], str]:
    """Say what happened, and how that is shown."""
    event = text_of(entry, "event")
    if event not in WORDS:
        parts = (part_of(name, value) for name, value in entry.items())
        return str, " ".join([printable(event), *filter(None, parts)])
    style, words = WORDS[event]
    if event == "request.ended":
        style = ENDS.get(text_of(entry, "status"), warn)
    return style, words(entry)


def part_of(name: str, value: Any) -> str:
    """One field of an entry that has no sentence."""
    if name in SHOWN_BY_ITSELF:
        return ""
    text = printable(value) if isinstance(value, str) else compact(value)
    return f"{name}={fold(text, FIELD_CHARS_MAX)}"
