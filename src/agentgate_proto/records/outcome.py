"""Outcomes: how a request ended, and how that is said on the wire."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentgate_proto.errors import ERRORS, ErrorCode


class Status(StrEnum):
    """How a request ended."""

    EXECUTED = "executed"
    DENIED = "denied"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The process died, or was stopped, while the tool ran: it may have taken effect."""
    CANCELLED = "cancelled"
    """Its caller withdrew it before it ran."""


RAN = (Status.EXECUTED, Status.FAILED)
"""How a request ends that ran, and of which it is known how."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended. Immutable: answered once, answered so for ever (I3).

    Attributes:
        status: see :class:`Status`.
        data: the tool's result as JSON, for ``executed``; for ``failed`` what the tool has said
            besides its words, if anything: no native client is told that.
        code: the JSON-RPC error code, for everything else.
        message: the error's text, for everything else; a failed tool's own words.
        word: what people said to the agent when they were asked about it, or "".
        edited: the arguments that it ran with, JSON, where a person had changed them; UNSET: they
            are as it was asked.
    """

    status: Status
    data: msgspec.Raw = msgspec.Raw(b"null")
    code: int = 0
    message: str = ""
    word: str = ""
    edited: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def executed(data: bytes) -> Outcome:
    """The tool ran and returned ``data`` (JSON)."""
    return Outcome(status=Status.EXECUTED, data=msgspec.Raw(data))


def ended(status: Status, code: ErrorCode, detail: str = "") -> Outcome:
    """The request ended without a result; ``detail`` is appended to the code's own text."""
    message = ERRORS[code].message
    return Outcome(status=status, code=code, message=f"{message}: {detail}" if detail else message)


def failed(message: str, data: bytes = b"null") -> Outcome:
    """The tool ran and failed.

    Args:
        message: its own text, passed on unchanged.
        data: JSON that says more than that, for faces whose clients can read it.
    """
    return Outcome(
        status=Status.FAILED,
        data=msgspec.Raw(data),
        code=ErrorCode.TOOL_FAILED,
        message=message or ERRORS[ErrorCode.TOOL_FAILED].message,
    )


def with_words(outcome: Outcome, word: str, edited: msgspec.Raw | None) -> Outcome:
    """An outcome with what people made of the request here, before what was said elsewhere.

    Args:
        outcome: how it ended, maybe at another gateway, where people were asked, too.
        word: what people here said.
        edited: the arguments that they let it run with, if they changed them; None: they did not.
    """
    if not word and edited is None:
        return outcome
    both = "\n".join(filter(None, (word, outcome.word)))
    if edited is None or outcome.edited is not msgspec.UNSET:
        return msgspec.structs.replace(outcome, word=both)
    return msgspec.structs.replace(outcome, word=both, edited=edited)


def people_say(word: str, ran: str | None, error: str = "") -> str:
    """Say to a model, or to whoever reads along, what people have made of a call; "": nothing.

    Args:
        word: what they said to the agent.
        ran: the arguments that it ran with, JSON, if they had changed them.
        error: what is told besides; the word of a no stands in it.
    """
    said = []
    if ran is not None:
        said.append(f"A person has changed the arguments before it ran; these were: {ran}.")
    if word and not error.endswith(f": {word}"):
        said.append(f"The person who was asked says: {word}")
    return " ".join(said)


def unknown(why: str) -> Outcome:
    """Nobody can say whether the tool took effect; ``why`` says what happened to it."""
    return ended(Status.UNKNOWN, ErrorCode.OUTCOME_UNKNOWN, why)
