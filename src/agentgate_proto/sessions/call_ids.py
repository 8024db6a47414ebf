"""Ids of tool calls: unique in their session, for longer than its log remembers them."""

from __future__ import annotations

from collections.abc import Collection

from agentgate_proto.sessions.session import Session

CALL_ID_CHARS_MAX = 200
"""Of an id that a model's vendor gave: the ledger takes 256, and what makes it unique is added."""


def unused_id(session: Session, wanted: str, taken: Collection[str], reserved: str) -> str:
    """Return an id for a call that no other of the session has, or had: the gate knows it for
    longer than the log may. It is read by people, too.

    Args:
        session: whose call it is.
        wanted: what the model's vendor calls it; "": nothing.
        taken: by other calls of the same answer.
        reserved: what no id begins with: calls that we make ourselves do.
    """
    is_fit = wanted.isascii() and wanted.isprintable() and not wanted.startswith(reserved)
    name = wanted[:CALL_ID_CHARS_MAX] if is_fit else ""
    number = session.log.next  # no offset comes twice: mostly the first is free
    is_new = name and not session.log.oldest
    unused = name if is_new else f"{name or 'call'}_{number}"
    while unused in session.history.call_ids or unused in taken:
        number += 1
        unused = f"{name or 'call'}_{number}"
    return unused
