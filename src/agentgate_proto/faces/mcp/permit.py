"""The gate as a client's permission prompt: may it use a built-in tool of its own, so and so?

Claude Code calls a tool of an MCP server before it runs a command or writes a file
(``--permission-prompt-tool``), and does what the answer says. Each such question is a request in
the ledger, for ``permit.Bash`` and the like, so that rules and people decide about it as about any
other. Nothing runs here: that it is allowed is all that there is to it, once.

The arguments of such a request show first what matters to a person: the command, or the file and
how much of it changes. They say nothing but what the client's question said, which can be told from
them again.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.names import PERMIT
from agentgate_proto.faces.mcp.results import text_result
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.rpc.jsonrpc import UNREADABLE

PREFIX: Final = f"{PERMIT}."
"""What the names of these tools begin with."""

SUBJECTS: Final = {
    "Bash": "command",
    "Edit": "file_path",
    "Glob": "pattern",
    "Grep": "pattern",
    "MultiEdit": "file_path",
    "NotebookEdit": "notebook_path",
    "Read": "file_path",
    "Skill": "skill",
    "Task": "prompt",
    "WebFetch": "url",
    "WebSearch": "query",
    "Write": "file_path",
}
"""The built-in tools of Claude Code that are known by name, and what each is mainly about. Others
are asked about as well; they show their input in no order of its own."""

SHOWN_AS: Final = {"file_path": "file", "notebook_path": "file"}
"""What a rule calls it."""

TEXTS: Final = ("content", "new_string", "new_source")
"""What of an input goes into a file."""

OTHERS: Final = "input"
SIZE: Final = "size"
USE: Final = "use"

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]*")
"""What a tool's name may be, after the prefix."""

MESSAGES: Final[dict[int, str]] = {
    ErrorCode.APPROVAL_EXPIRED: "Nobody answered in time. Ask again if it is still needed.",
    ErrorCode.OUTCOME_UNKNOWN: "The gateway can't tell whether it was allowed. Ask again.",
}
"""For the model of the client, where the gate's own words are about running something."""


class PermitArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What the client asks: the arguments of the tool ``permit``.

    Attributes:
        tool_name: the client's own tool.
        input: what it would be called with.
        tool_use_id: names this use of it; the same again is the same question.
    """

    tool_name: str
    input: dict[str, Any]
    tool_use_id: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the ledger.

    Attributes:
        tool: its name in the catalogue.
        args: its arguments.
        joins: whether the same question may be the same request: only of the same use.
    """

    tool: str
    args: dict[str, Any]
    joins: bool


def question_of(arguments: msgspec.Raw) -> Question:
    """Return what is to be asked for.

    Raises:
        ValueError: it is no such question; the text says why.
    """
    try:
        asked = msgspec.json.decode(arguments, type=PermitArguments)
    except UNREADABLE as error:
        raise ValueError(f"{PERMIT}: {error}") from None
    name = PREFIX + asked.tool_name
    if len(name) > NAME_CHARS_MAX or not NAME.fullmatch(asked.tool_name):
        raise ValueError(f"{PERMIT}: tool_name can't be the name of a tool")
    if len(asked.tool_use_id) > NAME_CHARS_MAX:
        raise ValueError(f"{PERMIT}: tool_use_id has more than {NAME_CHARS_MAX} characters")
    args = arguments_of(asked.tool_name, asked.input, asked.tool_use_id)
    return Question(tool=name, args=args, joins=bool(asked.tool_use_id))


def arguments_of(tool_name: str, given: dict[str, Any], use: str) -> dict[str, Any]:
    """Return the arguments of a request: what it is about, how much, and all the rest."""
    args: dict[str, Any] = {}
    rest = dict(given)
    subject = SUBJECTS.get(tool_name, "")
    about = given.get(subject)
    if isinstance(about, str):
        shown = SHOWN_AS.get(subject, subject)
        args[shown] = plain_path(about) if shown == "file" else about
        if args[shown] == about:
            del rest[subject]
    if size := size_of(given):
        args[SIZE] = size
    if rest:
        args[OTHERS] = rest
    if use:
        args[USE] = use
    return args


def input_of(tool_name: str, args: dict[str, Any]) -> dict[str, Any]:
    """Return the input that a request is about: ``arguments_of``, backwards.

    Raises:
        ValueError: these are no such arguments: they would show a person what is not so.
    """
    rest = args.get(OTHERS, {})
    use = args.get(USE, "")
    if not isinstance(rest, dict) or not isinstance(use, str):
        raise ValueError(f"{OTHERS} must be an object, and {USE} a text")
    given = dict(rest)
    subject = SUBJECTS.get(tool_name, "")
    shown = SHOWN_AS.get(subject, subject)
    if subject and shown in args:
        given.setdefault(subject, args[shown])
    if arguments_of(tool_name, given, use) != args:
        text = f"ask for this by the tool {PERMIT} of the MCP face"
        raise ValueError(f"the arguments do not say what the input says: {text}")
    return given


def allowed(given: dict[str, Any]) -> dict[str, Any]:
    """What the tool returns: the client may go on, with this input."""
    return {"behavior": "allow", "updatedInput": given}


def permit_result(outcome: Outcome, version: str) -> bytes:
    """Return what the client is told: a CallToolResult whose text is the answer in JSON."""
    if outcome.status is Status.EXECUTED:
        return text_result(bytes(outcome.data).decode(), version)
    return denied(MESSAGES.get(outcome.code, outcome.message), version)


def denied(message: str, version: str) -> bytes:
    """Return that the client may not; the message is for its model."""
    answer = {"behavior": "deny", "message": message}
    return text_result(msgspec.json.encode(answer).decode(), version)


def waiting_answer(version: str) -> bytes:
    """Return that nobody has answered yet and the client can't be held any longer."""
    words = (
        "A person was asked and has not answered yet. Nothing was allowed: tell the user that "
        "their approval is needed, and try it again then."
    )
    return denied(words, version)


def plain_path(path: str) -> str:
    """A path without detours, so that a rule about a folder can't be got round by ``..``."""
    is_whole = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".") and not (part == ".." and is_whole):
            parts.append(part)
    return ("/" if is_whole else "") + "/".join(parts)


def size_of(given: dict[str, Any]) -> str:
    """How much would be written, for people; "": nothing that is known to be written."""
    texts = [given[name] for name in TEXTS if isinstance(given.get(name), str)]
    edits = given.get("edits")
    if isinstance(edits, list):
        edited = [each.get("new_string") for each in edits if isinstance(each, dict)]
        texts += [text for text in edited if isinstance(text, str)]
    if not texts:
        return ""
    lines = sum(text.count("\n") + (not text.endswith("\n")) for text in texts if text)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return f"{lines} {'line' if lines == 1 else 'lines'} and {size} bytes"
