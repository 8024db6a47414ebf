"""One request for a chat completion: from what the client says to the answer.

The session is the one that the client's conversation is known by, or one that is made for this
answer and deleted behind it. What of the client's history is new is found out by the session
(``sessions.client_turns``). The gateway's own tools are asked for, governed and run as in any run,
and the client hears nothing of them, or reads of them as reasoning; its own tools end the answer.

When the client goes, a session of one answer is deleted, with its run. The run of a lasting one
goes on once it has used a tool, for nothing is to be half done; before that it is cancelled: this
format has no other way of stopping a model.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.answering import Answering
from agentgate_proto.faces.completions.replies import (
    DONE,
    FINISHED,
    SERVER_ERROR,
    Answered,
    Form,
    call_of,
    end_of,
    error_of,
    error_reply,
    refusal_reply,
)
from agentgate_proto.faces.completions.request import Wanted
from agentgate_proto.faces.completions.routes import FACE
from agentgate_proto.faces.conversing import Said, Send
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import GAP, SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    DeleteSession,
    MessageTaken,
)
from agentgate_proto.sessions.client_turns import ClientTurn

ANEW_MAX = 1_000
"""How often one answer is wanted anew of the same conversation."""

BROKE_OFF = "the model's answer broke off, and it begins anew: ask again"
NOT_KEPT = "the run of this message is not kept any more"
DELETED = "the session was deleted"


class Completion(Answering):
    """See the module.

    Args:
        wanted: what the client wants.
        tells_tools: tools and thinking are told, as reasoning.
    """

    def __init__(self, wanted: Wanted, *, tells_tools: bool) -> None:
        super().__init__(FACE, wanted.key, wanted.model)
        self._wanted = wanted
        self._tells = tells_tools
        self._form = Form(run="", model="", created=0)
        self._answer = Answered()
        self._number = 1  # of this answer, of those to the same conversation
        self._sent = 0  # characters of text
        self._kept = 0  # of the text, what no failed attempt takes along
        self._is_new_step = False

    def leave(self, now: float) -> None:
        """See :class:`Answering`."""
        self._has_left = True
        if self._session is None:
            return  # it is made, and deleted when it is there
        if not self._key:
            self._delete()
        elif self._run:
            self._cancel()
        else:
            return  # its run is on the way
        self._over()

    def gone(self, now: float) -> None:
        """See :class:`Conversation`."""
        if self._run:
            self._fail(409, SERVER_ERROR, "session_deleted", DELETED)

    # Before the run

    def _on_session(self, session: SessionView, now: float) -> None:
        if self._has_left:
            if not self._key:
                self._delete()
            self._over()
            return
        wanted = self._wanted
        created = int(now)
        self._form = Form(
            run="", model=wanted.model or session.model, created=created, has_usage=wanted.has_usage
        )
        self._say(session)

    def _say(self, session: SessionView) -> None:
        wanted = self._wanted
        number = f"-{self._number}" if self._number > 1 else ""
        self._call(
            "say",
            ClientTurn(
                session=session.id,
                text=wanted.said.text,
                message_id=f"{FACE}-{wanted.message_id}{number}",
                model=wanted.model,
                max_tokens=wanted.max_tokens,
                params=wanted.params,
                past=wanted.said.past,
                system=wanted.said.system,
                tools=wanted.tools,
                own_tools=not wanted.is_side,
            ),
        )

    def _on_answer(self, about: Any, result: Any, now: float) -> None:
        match result:
            case MessageTaken(joined=True, ended=True) if not self._wanted.is_retry:
                self._say_anew()
            case MessageTaken():
                self._on_taken(result)
            case Attached():
                self._on_attached(result)
            case _:
                pass  # that it was cancelled or deleted, nobody is told

    def _say_anew(self) -> None:
        """The client wants another answer to what has been answered before."""
        assert self._session is not None, "it is there"
        self._number += 1
        if self._number > ANEW_MAX:
            text = f"this was answered {ANEW_MAX} times"
            self._on_refusal("say", ErrorCode.LIMIT_EXCEEDED, text, None, 0.0)
        else:
            self._say(self._session)

    def _on_taken(self, taken: MessageTaken) -> None:
        assert self._session is not None, "it is there"
        self._form = msgspec.structs.replace(self._form, run=taken.run)
        self._watch_message(self._session.id, taken)

    def _on_attached(self, attached: Attached) -> None:
        if self._has_left:
            self._cancel()
            self._over()
        elif not self._watch_from(self._awaited, attached):
            self._refuse(409, SERVER_ERROR, "not_kept", NOT_KEPT)
        elif self._wanted.is_stream:
            self._begin(self._headers)
            self._send(self._form.chunk({"role": "assistant", "content": ""}))

    def _on_refusal(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        if about in ("cancel", "delete"):
            return  # nobody waits for that
        self._answer_with(refusal_reply(code, message, data))

    # The run

    def _on_event(self, event: SessionEvent, said: Said) -> None:
        match event.kind:
            case EventKind.MODEL_STARTED:
                self._is_new_step = said.iteration > 1 and bool(self._answer.text)
                self._kept = len(self._answer.text)
            case EventKind.TEXT:
                self._on_text(said.text)
            case EventKind.THINKING:
                self._tell(said.text)
            case EventKind.RESET:
                self._on_reset()
            case EventKind.RETRYING:
                self._tell(f"\n[the model is asked again in {said.wait_s:g} s: {said.reason}]\n")
            case EventKind.TOOL_CALL:
                self._on_call(said)
            case EventKind.APPROVAL:
                self._tell(f"\n[a person is asked: {said.signature}]\n")
            case EventKind.RUN_ENDED:
                self._on_ended(said)
            case _ if event.kind == GAP:
                self._fail(503, SERVER_ERROR, "interrupted", "a part of the answer was lost")
            case _:
                pass

    def _caught_up(self) -> None:
        text = self._answer.text[self._sent :]
        if self._run and self._wanted.is_stream and text:
            self._sent = len(self._answer.text)
            self._send(self._form.chunk({"content": text}))

    def _on_text(self, text: str) -> None:
        if self._is_new_step:
            self._is_new_step = False
            self._answer.text += "\n\n"
        self._answer.text += text

    def _on_reset(self) -> None:
        """An attempt has failed: what it has said does not count. What a stream has sent can't be
        taken back, but who asks again gets the run from its beginning."""
        if self._sent > self._kept:
            self._fail(502, SERVER_ERROR, "broke_off", BROKE_OFF)
        self._answer.text = self._answer.text[: self._kept]

    def _on_call(self, said: Said) -> None:
        if said.client:
            call = said.call, said.tool, bytes(said.args).decode()
            self._answer.calls = [*self._answer.calls, call]
        else:
            self._has_used_tools = True
            self._tell(f"\n[tool {said.tool}]\n")

    def _tell(self, words: str) -> None:
        """Tell what is none of the answer, to who wants that."""
        if not self._tells:
            return
        if self._wanted.is_stream:
            self._send(self._form.chunk({"reasoning_content": words}))
        else:
            self._answer.reasoning += words

    def _on_ended(self, said: Said) -> None:
        if said.status not in FINISHED:
            self._fail(*end_of(said.status, said.reason))
            return
        answer = self._answer
        answer.usage = said.usage
        answer.finish = FINISHED[RunStatus(said.status)]
        if answer.calls and answer.finish == "stop":
            answer.finish = "tool_calls"
        else:
            answer.calls = []  # they were cut off, and are closed
        if self._wanted.is_stream:
            self._finish_stream(answer)
            self._end()
        else:
            reply = self._form.whole(answer)
            self._answer_with(msgspec.structs.replace(reply, headers=self._headers))

    def _finish_stream(self, answer: Answered) -> None:
        self._caught_up()
        for index, call in enumerate(answer.calls):
            self._send(self._form.chunk({"tool_calls": [{"index": index, **call_of(*call)}]}))
        self._send(self._form.chunk({}, answer.finish))
        if self._form.has_usage:
            self._send(self._form.usage_chunk(answer.usage))
        self._effects.append(Send(DONE))

    # Endings

    @property
    def _headers(self) -> dict[str, str]:
        """Of a good answer: which session it is in, if that lasts."""
        lasts = self._key and self._session is not None
        return {"x-session-id": self._session.id} if lasts and self._session else {}

    def _fail(self, status: int, kind: str, code: str, message: str) -> None:
        """There is no answer, or no end of it."""
        if self._has_begun:
            self._send(error_of(kind, code, message))
            self._end()
        else:
            self._refuse(status, kind, code, message)

    def _refuse(self, status: int, kind: str, code: str, message: str) -> None:
        self._answer_with(error_reply(status, kind, code, message))

    def _answer_with(self, reply: Any) -> None:
        self._answer_whole(reply)
        self._end()

    def _end(self) -> None:
        if self._session is not None and not self._key:
            self._delete()
        self._over()

    def _delete(self) -> None:
        assert self._session is not None, "it is there"
        self._call("delete", DeleteSession(session=self._session.id))
