"""The methods about sessions: what they take and what they answer. ``messages.METHODS`` has them.

Whose a session is: of the principal that made it. Another's does not exist (-32013); an operator
may look at everybody's, and change none.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from agentgate_proto.limits import (
    LIST_ROWS_MAX,
    MESSAGE_CHARS_MAX,
    NAME_CHARS_MAX,
    PARAMS_MAX,
    PATH_CHARS_MAX,
)
from agentgate_proto.records.session_views import SectionName, SessionEvent, SessionView
from agentgate_proto.rpc.behalf import OnBehalf

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
FolderName = Annotated[str, msgspec.Meta(max_length=PATH_CHARS_MAX)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]
Params = Annotated[dict[Name, Any], msgspec.Meta(max_length=PARAMS_MAX)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class CreateSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Begin a conversation with a model.

    Attributes:
        model: name of a model in the gateway's configuration; "": the default one.
        workspace: a folder, within the roots that the gateway allows; "": one of its own.
        user_id: your own name for your user; means nothing to the gateway.
        metadata: an object of your own, which is given back.
    """

    model: Name = ""
    workspace: FolderName = ""
    user_id: Name = ""
    metadata: dict[str, Any] = {}


class ListSessions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List the caller's sessions, newest first; an operator sees everybody's.

    Attributes:
        before: the ``id`` of a session: only older ones. That of the last gets the next page.
        limit: at most so many.
        user_id: only those of this user.
    """

    before: Name = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_ROWS_MAX)] = 100
    user_id: Name = ""


class SessionList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sessions, newest first.

    Attributes:
        sessions: as many as one reply holds.
        more: there are others: ask again, ``before`` the last one.
    """

    sessions: list[SessionView]
    more: bool = False


class GetSession(msgspec.Struct, frozen=True, kw_only=True):
    """Return one session."""

    session: Id


class SetMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Put other metadata into a session. No method of the protocol: faces keep there what they have
    to know in their next life. Answered when it is durable.

    Attributes:
        session: the session's id.
        metadata: an object; in place of all that was there.
    """

    session: Id
    metadata: msgspec.Raw


class MetadataSet(msgspec.Struct, frozen=True, kw_only=True):
    """It is kept."""


class DeleteSession(msgspec.Struct, frozen=True, kw_only=True):
    """Delete a session and its log. A run that is under way is cancelled first.

    What it has cost is kept. Its workspace stays, if it is not the gateway's own. An operator
    deletes only that of a named agent which there is no more (-32010 otherwise).
    """

    session: Id


class SessionDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """The session is gone."""

    deleted: Literal[True] = True


class SendMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say something to the model: a run begins, which goes on whatever becomes of the caller.

    One run at a time: while one is under way this is refused (-32014, with the ``run`` and the
    ``approvals`` that it waits for), unless the ``message_id`` is that run's own, or ``queue``.

    Attributes:
        session: the session's id.
        text: what to say.
        message_id: your own name for this message. The same id again joins the run that it began,
            or that run's end, and begins no other.
        model: another model for this run; "": the session's.
        max_iterations: how often the model may be asked, with the results of its tools.
        max_tokens: that it may write at each time; 0: as the gateway is configured.
        params: further parameters of the model (``temperature`` …); what it does not take is
            dropped, and a ``note`` says so.
        queue: if a run is under way, do not refuse: the message is in the log at once, and its run
            begins when those before it are over. -32006 if too many wait already.
        on_behalf_of: of a relay: who says it.
    """

    session: Id
    text: Text
    message_id: Id
    model: Name = ""
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 25
    max_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    params: Params = {}
    queue: bool = False
    on_behalf_of: OnBehalf | None = None


class MessageTaken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The message is in the log, durably.

    Attributes:
        run: id of its run.
        epoch, offset: where its message stands: attach there to see the whole run.
        joined: it had come before.
        ended: that run is over.
        waits: its run has not begun: others are before it.
    """

    run: str
    epoch: str
    offset: int
    joined: bool = False
    ended: bool = False
    waits: bool = False


class AttachSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Watch a session: what it has from a cursor on follows as ``session_event``, and what comes.

    A connection watches a session once: attaching again moves the cursor.

    Attributes:
        session: the session's id.
        epoch: of the cursor; "" with no cursor.
        offset: the first event that is wanted; None: from the beginning of the run that is under
            way, or, if there is none, what comes from now on.
    """

    session: Id
    epoch: Name = ""
    offset: Offset | None = None


Gap = Literal["", "epoch", "ahead", "retention"]
"""Why what follows does not begin at the cursor; see :class:`Attached`."""


class Attached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What follows begins here.

    Attributes:
        epoch: of the session's log.
        offset: the first offset that follows.
        next: the offset after the last event at this moment.
        run: id of the run that is under way, if one is.
        waiting: ids of the runs that begin when it has ended, in their order.
        gap: why it does not begin at the cursor, if so: ``epoch`` (it was of another log),
            ``ahead`` (the log is not that long), or ``retention`` (it is not kept any more).
        oldest: with ``gap``: the lowest offset that is kept.
    """

    epoch: str
    offset: int
    next: int
    run: str = ""
    waiting: list[str] = []
    gap: Gap = ""
    oldest: int = 0


class DetachSession(msgspec.Struct, frozen=True, kw_only=True):
    """Watch a session no more. Its run goes on."""

    session: Id


class Detached(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of it follows.

    Attributes:
        was_attached: something would have.
    """

    was_attached: bool


class CancelRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """End the run that is under way. Tools that have started may go on: the answer names them.

    Attributes:
        session: the session's id.
        run: of this run only, or, if it waits for others, take its message out; "": of the one
            that is under way, whichever it is.
    """

    session: Id
    run: Name = ""


class StillRunning(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that may still run, of a call that is closed; what becomes of it is in the log."""

    call: str
    tool: str


class RunCancelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it, durably.

    Attributes:
        status: "cancelled", or "no_run": there was none (any more).
        run: the run's id.
        still_running: tools that may still run.
    """

    status: Literal["cancelled", "no_run"]
    run: str = ""
    still_running: list[StillRunning] = []


class InspectSession(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Show exactly what the model would be sent now.

    Attributes:
        session: the session's id.
        text: with this as the next message; "": the history as it stands.
        model: for another model than the session's.
    """

    session: Id
    text: Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)] = ""
    model: Name = ""


class InspectedSection(msgspec.Struct, frozen=True, kw_only=True):
    """One section of the context.

    Attributes:
        name: which.
        content: its text for people; the history as ``role: content`` lines.
        bytes: of the request that are this section; 0 if it is empty.
        tokens: about so many.
        cost_micros: what these cost to read, uncached; None: nobody knows.
    """

    name: SectionName
    content: str
    bytes: int
    tokens: int
    cost_micros: int | None


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not sent.

    Attributes:
        section: of which section.
        what: in words: "2 messages from 10:03", "skills/huge.md".
        bytes: how large it is, about.
        why: in words.
    """

    section: SectionName
    what: str
    bytes: int
    why: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model would be sent.

    Attributes:
        model, model_id, backend: to whom.
        sections: all five, in order.
        envelope_bytes: of the request, what is in no section.
        bytes: of the whole request.
        tokens: about so many, or exactly, see ``counted``.
        counted: the vendor has counted them.
        cost_micros: what it costs to read it, uncached; None: nobody knows.
        context_tokens: how many tokens the model is given at the most.
        left_out: what is not sent.
        cache_prefix_bytes: so many bytes from the beginning are the same as in the last request of
            this session; None: there was none that is remembered.
        breaks_at: the section in which the first other byte is, if one is.
        estimate_off: of the last request, the estimate of its tokens divided by what was counted.
        body: the request itself, byte for byte.
    """

    model: str
    model_id: str
    backend: str
    sections: list[InspectedSection]
    envelope_bytes: int
    bytes: int
    tokens: int
    counted: bool = False
    cost_micros: int | None = None
    context_tokens: int = 0
    left_out: list[LeftOut] = []
    cache_prefix_bytes: int | None = None
    breaks_at: SectionName | None = None
    estimate_off: float | None = None
    body: str = ""


class SessionEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Gateway to client: events of a session that the connection has attached to, in order."""

    session: str
    events: list[SessionEvent]
