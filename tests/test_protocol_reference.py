"""The tables of the protocol reference are made from the core's own, and cannot drift.

``python -m tests.test_protocol_reference`` writes them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from agentgate_proto.errors import ERRORS
from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.messages import METHODS, Kind

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "protocol.md"
LIMITS = {
    "message_bytes_max": "bytes in one message",
    "fragments_max": "fragments of one message",
    "batch_items_max": "messages in one batch",
    "requests_in_flight_max": "requests of one connection without an answer",
    "queued_bytes_max": "bytes that wait for you to read them",
    "http_head_bytes_max": "bytes of an HTTP head",
    "http_body_bytes_max": "bytes of an HTTP body",
    "opening_s": "seconds for the opening handshake",
    "auth_s": "seconds for `auth`",
    "silence_s": "seconds of silence before a ping",
    "pong_s": "seconds for a sign of life after it",
    "closing_s": "seconds to answer a close frame",
}


def methods_table() -> str:
    rows = ["| method | who | | what |", "| --- | --- | --- | --- |"]
    for method in METHODS.values():
        who = ", ".join(sorted(role.value for role in method.roles)) or "gateway → client"
        kind = "notification" if method.kind is Kind.NOTIFICATION else "request"
        what = (method.params.__doc__ or "").strip().splitlines()[0].replace("``", "`")
        what = re.sub(r" \((seed 001[^)]*|I\d+)\)", "", what)
        rows.append(f"| `{method.name}` | {who} | {kind} | {what} |")
    return "\n".join(rows)


def errors_table() -> str:
    rows = ["| code | text | meaning | SDK raises |", "| --- | --- | --- | --- |"]
    rows += [
        f"| {int(row.code)} | {row.message} | {row.meaning} | `{row.exception.__name__}` |"
        for row in ERRORS.values()
    ]
    return "\n".join(rows)


def limits_table() -> str:
    rows = ["| limit | default |", "| --- | --- |"]
    rows += [
        f"| {meaning} | {getattr(SERVER_LIMITS, name):,} |" for name, meaning in LIMITS.items()
    ]
    return "\n".join(rows)


def rendered(text: str) -> str:
    """The reference with its tables made anew."""
    tables = {"methods": methods_table, "errors": errors_table, "limits": limits_table}
    for name, table in tables.items():
        pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
        body = rf"\g<1>{table()}\n\g<2>"
        text, count = re.subn(pattern, body, text, flags=re.DOTALL)
        assert count == 1, f"the reference has no place for {name}"
    return text


def test_the_tables_of_the_reference_are_those_of_the_core() -> None:
    assert REFERENCE.read_text() == rendered(REFERENCE.read_text()), (
        "run: python -m tests.test_protocol_reference"
    )


def test_every_limit_of_the_reference_exists() -> None:
    assert set(LIMITS) <= set(Limits.__slots__)


def test_every_method_is_explained_in_words() -> None:
    text = REFERENCE.read_text()
    for name in METHODS:
        assert f"`{name}`" in text


if __name__ == "__main__":
    REFERENCE.write_text(rendered(REFERENCE.read_text()))
