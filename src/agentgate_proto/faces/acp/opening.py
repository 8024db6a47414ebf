"""How a session is opened on an editor's connection: found or made, looked at, watched, answered.

What the editor's sessions are called, and where they were begun, is kept in their metadata, under
the name of this face.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp import messages as acp
from agentgate_proto.faces.acp.effects import About, Outbox, Step
from agentgate_proto.faces.acp.telling import Teller
from agentgate_proto.faces.acp.thread import Thread
from agentgate_proto.faces.acp.turns import View
from agentgate_proto.records.session import UsageBy
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.session_methods import CreateSession, GetSession, SetMetadata
from agentgate_proto.rpc.usage_methods import ListModels, ModelList, ReportUsage, UsageReport

THREADS_MAX = 64
"""Sessions that are open on one connection: an editor has a window for each."""

KEPT = "acp"
"""Where in a session's metadata it is kept."""

OPENING = "this session is being opened already"
TOO_MANY = f"{THREADS_MAX} sessions are open on this connection: close some"


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a session for editors.

    Attributes:
        cwd: the folder of the client's machine in which it was begun.
        title: what it is called.
        model: that was chosen for it.
    """

    cwd: str = ""
    title: str = ""
    model: str = ""


@dataclass(slots=True, kw_only=True)
class Opening:
    """A request that opens a session, under way.

    Attributes:
        id: of the request.
        params: of the request.
        shows_all: the client wants to be told all that there is.
        view: the session, once it is known.
        models: that may be asked, once they are known.
    """

    id: RequestId
    params: acp.NewSession | acp.OpenSession
    shows_all: bool
    view: SessionView | None = None
    models: ModelList | None = None


class Openings:
    """See the module.

    Args:
        out: where everything goes.
        threads: the sessions that are open; this puts them there.
        may_decide: the client may answer approvals.

    Attributes:
        cursors: the client wants a cursor with each update.
    """

    def __init__(self, out: Outbox, threads: dict[str, Thread], *, may_decide: bool) -> None:
        self.cursors = False
        self._out = out
        self._threads = threads
        self._may_decide = may_decide
        self._begun: list[Opening] = []

    def begin(
        self, request_id: RequestId, params: acp.NewSession | acp.OpenSession, *, shows_all: bool
    ) -> None:
        """Open a session."""
        opening = Opening(id=request_id, params=params, shows_all=shows_all)
        if len(self._threads) + len(self._begun) >= THREADS_MAX:
            self._out.refuse(request_id, ErrorCode.INTERNAL_ERROR, TOO_MANY)
            return
        if isinstance(params, acp.NewSession):
            metadata = {KEPT: msgspec.to_builtins(Kept(cwd=params.cwd))}
            self._out.call(About(Step.CREATE, what=opening), CreateSession(metadata=metadata))
        elif self._is_being_opened(params.session_id):
            self._out.refuse(request_id, ErrorCode.INVALID_REQUEST, OPENING)
            return
        else:
            found = GetSession(session=params.session_id)
            self._out.call(About(Step.FIND, params.session_id, opening), found)
        self._begun.append(opening)

    def go_on(self, opening: Opening, result: Any) -> None:
        """What was asked for it has been answered."""
        match result:
            case SessionView():
                opening.view = result
                self._out.call(About(Step.MODELS, result.id, opening), ListModels())
            case ModelList():
                opening.models = result
                assert opening.view is not None, "that was the first question"
                report = ReportUsage(by=UsageBy.SESSION, session=opening.view.id)
                self._out.call(About(Step.USAGE, opening.view.id, opening), report)
            case _:
                assert isinstance(result, UsageReport), "nothing else was asked"
                self.end(opening)
                self._watch(opening, result)

    def end(self, opening: Opening) -> None:
        """It is under way no more."""
        self._begun.remove(opening)

    def keep(self, thread: Thread) -> None:
        """Keep what is known of a session for editors."""
        kept = Kept(cwd=thread.cwd, title=thread.title, model=thread.model)
        thread.metadata[KEPT] = msgspec.to_builtins(kept)
        raw = msgspec.Raw(msgspec.json.encode(thread.metadata))
        about = About(Step.KEEP, thread.session)
        self._out.call(about, SetMetadata(session=thread.session, metadata=raw))

    def _is_being_opened(self, session: str) -> bool:
        wanted = [each.params for each in self._begun]
        thread = self._threads.get(session)
        return (thread is not None and thread.is_opening) or any(
            isinstance(each, acp.OpenSession) and each.session_id == session for each in wanted
        )

    def _watch(self, opening: Opening, spent: UsageReport) -> None:
        view, models = opening.view, opening.models
        assert view is not None, "it was found"
        assert models is not None, "they were listed"
        thread = self._threads.get(view.id)
        if thread is None:
            thread = Thread(view.id, self._out, may_decide=self._may_decide, cursors=self.cursors)
            self._threads[view.id] = thread
        kept = kept_in(view)
        thread.cwd, thread.title = kept.cwd, kept.title
        thread.metadata = metadata_of(view)
        thread.models = {row.name: row for row in models.models}
        thread.model = kept.model if kept.model in thread.models else view.model
        cost = None if spent.total.unknown else spent.total.cost_micros
        thread.teller = Teller(thread.models, cost)
        answer: dict[str, Any] = {"configOptions": thread.options()}
        params = opening.params
        if isinstance(params, acp.NewSession):
            answer["sessionId"] = view.id
        if params.mcp_servers:
            answer["_meta"] = {acp.IGNORED: ["mcpServers"]}
        thread.open(self._view(opening, view, thread, answer))

    def _view(
        self, opening: Opening, view: SessionView, thread: Thread, answer: dict[str, Any]
    ) -> View:
        """Say from where the session is read, and told."""
        params = opening.params
        cursor = cursor_in(params, acp.CURSOR)
        made = View(opening=opening.id, answer=answer)
        if isinstance(params, acp.NewSession):
            made.epoch, made.read_from = view.epoch, view.next
        elif cursor is not None:
            thread.permissions.came_back = True
            thread.own(acp.meta_of(params, acp.MESSAGE_IDS, list[str]) or ())
            since = cursor_in(params, acp.SINCE) or cursor
            made.epoch, made.show_from = cursor
            made.base = min(since[1], cursor[1])
        elif opening.shows_all:
            made.epoch, made.read_from, made.show_from = view.epoch, view.oldest, 0
            made.is_whole = True
        return made


def kept_in(view: SessionView) -> Kept:
    """Return what is kept of a session for editors."""
    try:
        return msgspec.convert(metadata_of(view).get(KEPT, {}), Kept)
    except msgspec.ValidationError:
        return Kept()  # the metadata is the client's own, and may have anything there


def metadata_of(view: SessionView) -> dict[str, Any]:
    """Return a session's metadata."""
    found: dict[str, Any] = msgspec.json.decode(view.metadata)
    return found


def cursor_in(params: acp.Params, name: str) -> tuple[str, int] | None:
    """Return a cursor that stands in ``_meta``: epoch and offset."""
    text = acp.meta_of(params, name, str) or ""
    epoch, _, offset = text.rpartition(":")
    return (epoch, int(offset)) if epoch and offset.isdecimal() and len(offset) < 20 else None
