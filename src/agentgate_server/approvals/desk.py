"""The desk: one record of approvals, many channels, the first durable answer wins."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import count

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Decided, Revoked
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.limits import LIST_ROWS_MAX, WORDS_CHARS_MAX
from agentgate_proto.records.approval import ApprovalView, GrantView, approval_view, grant_view
from agentgate_proto.records.difference import differences
from agentgate_proto.records.edit import Edit, EditTerms
from agentgate_proto.records.grant import Grant, GrantTerms, grant_of
from agentgate_proto.records.mute import Mute, MuteView, mute_view
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.listing import page_of, short_grant, short_view
from agentgate_proto.rpc.messages import ApprovalList, GrantList
from agentgate_proto.rpc.results import EditPreview
from agentgate_server.approvals.answering import by_turns, muted_text, settled_text
from agentgate_server.approvals.channel import Channel
from agentgate_server.approvals.codes import Codes, WrongCode
from agentgate_server.approvals.editing import Editor
from agentgate_server.approvals.knowing import Knowing
from agentgate_server.approvals.reach import Reach
from agentgate_server.secrets.masking import Masker
from agentgate_server.sockets.replies import Reply
from agentgate_server.tools.catalogue import Catalogue

log = logging.getLogger(__name__)

NOT_WAITING = "There is no approval with this id that waits for an answer"

TICKETS_MAX = 10_000
"""Decisions whose writing is under way; beyond it the disk is far too slow for people."""


class Desk:
    """Hands decisions to the ledger and changes to the channels.

    Args:
        ledger: where approvals live.
        masker: hides secrets from people, who see approvals on screens of all kinds.
        codes: knows the one-time codes of approvers.
        editor: makes of requests what people want of them.
        utc: the ledger's clock, UTC seconds.
        catalogue: the tools, which know of what a request names.

    Attributes:
        channels: where people are asked.
        is_agent: whether there is an agent of this name.
        hears_mutes: are called when an agent was muted, or is not any more.
    """

    def __init__(
        self,
        ledger: Ledger,
        masker: Masker,
        codes: Codes,
        editor: Editor,
        utc: Callable[[], float],
        catalogue: Catalogue,
    ) -> None:
        self.ledger = ledger
        self.masker = masker
        self.codes = codes
        self.editor = editor
        self.utc = utc
        self.channels: list[Channel] = []
        self.is_agent: Callable[[str], bool] = bool
        self._knowing = Knowing(catalogue, masker)
        self.hears_mutes: list[Callable[[], None]] = []
        self.reach = Reach(utc)
        self._replies: dict[str, Reply] = {}
        self._numbers = count(1)

    @property
    def count(self) -> int:
        """How many approvals people may answer now."""
        return len(self.ledger.waiting)

    def waiting(self, limit: int = LIST_ROWS_MAX) -> list[ApprovalView]:
        """What people may answer now: the first of each agent, then the second ones … They see it.

        So the asks of one agent push no other's out of what fits.
        """
        shown = by_turns(self.ledger.waiting)[:limit]
        for record in shown:
            self.reach.reached(record.rid)
        return [self.view(record) for record in shown]

    def listed(self, after: str = "", rid: str = "") -> ApprovalList:
        """A page of what people may answer now, oldest first, or one approval whole. They see it.

        Args:
            after: the id of an approval that waits: only what came after it.
            rid: the id of the one approval.

        Raises:
            LookupError: there is no such approval that waits.
        """
        if rid:
            record = self.ledger.approval(rid)
            if record is None:
                raise LookupError(NOT_WAITING)
            self.reach.reached(rid)
            return ApprovalList([self.view(record)])
        waiting = self.ledger.waiting
        if after:
            places = [place for place, record in enumerate(waiting, 1) if record.rid == after]
            if not places:
                raise LookupError(f"{NOT_WAITING}: list from the beginning")
            waiting = waiting[places[0] :]
        page, more = page_of(short_view(self.view(record)) for record in waiting)
        for view in page:
            self.reach.reached(view.id)
        return ApprovalList(page, more)

    def view(self, record: Record) -> ApprovalView:
        """A request as people may see it, without secrets."""
        repeats = self.ledger.repeats(record.rid)
        return approval_view(self.masker.record(record), repeats, self._knowing.about(record))

    def decide(
        self,
        rid: str,
        *,
        approve: bool,
        approver: str,
        channel: str,
        now: float,
        reply: Reply,
        code: str = "",
        grant: GrantTerms | None = None,
        word: str = "",
        edit: EditTerms | None = None,
        nameless: bool = False,
    ) -> None:
        """Take a person's answer; the reply gets the approval as it then stands.

        It gets -32009 with the approval if something else came first, -32011 if there is no such
        approval, -32012 if it takes a one-time code and this is none, -32602 if no such grant can
        be given with it, or no such edit be made, -32003 if policy denies what it would make of it,
        -32008 if nobody knows whether it is another person than who has said yes,
        -32603 if the decision could not be stored.

        Args:
            rid: the approval's id.
            approve: yes or no.
            approver: the person's name; whoever has the same name is the same person.
            channel: where the answer was given.
            now: UTC seconds.
            reply: hears what came of it.
            code: the person's one-time code, or "".
            grant: what else the yes is to cover, if anything.
            word: what the person says to the agent; secrets in it are hidden, and a long one is
                cut.
            edit: what the yes is to, instead of what was asked; None: that.
            nameless: who it is besides the channel is not known.
        """
        if not self._has_room(reply):
            return
        try:
            made = self._edited(rid, edit) if edit is not None and approve else None
        except ValueError as error:
            reply.error(ErrorCode.INVALID_PARAMS, f"The edit can't be made: {error}", None)
            return
        if edit is not None and not approve:
            text = "An edit goes with a yes: deny it with a word instead"
            reply.error(ErrorCode.INVALID_PARAMS, text, None)
            return
        try:
            # What takes a code takes no grant: the ledger says so, and the code stays good
            verified = approve and grant is None and self._is_verified(rid, approver, code, now)
        except WrongCode as error:
            pause = error.retry_after_s
            data = {"retry_after_s": round(pause, 3)} if pause else None
            reply.error(ErrorCode.CODE_NEEDED, str(error), data)
            return
        verdict = Verdict(
            ticket=str(next(self._numbers)),
            approve=approve,
            approver=approver,
            channel=channel,
            at=now,
            verified=verified,
            grant=grant if approve else None,
            word=self._worded(word),
            edit=made,
            nameless=nameless,
        )
        self._replies[verdict.ticket] = reply
        self.ledger.decide(rid, verdict)

    def _is_verified(self, rid: str, approver: str, code: str, now: float) -> bool:
        """Use up a person's code where the approval needs one; raises WrongCode.

        Who gives an answer again that was taken before hears that, not that the code was used.
        """
        approval = self.ledger.approval(rid)
        if not code or approval is None or not approval.needs_code:
            return False
        if any(said.approver == approver for said in approval.endorsements):
            return False
        self.codes.verify(approver, code, now, rid)
        return True

    def _edited(self, rid: str, terms: EditTerms) -> Edit | None:
        """What a person makes of an approval that waits; None: nothing, or it does not wait."""
        record = self.ledger.approval(rid)
        return None if record is None else self.editor.edited(record, terms)

    def _worded(self, word: str) -> str:
        """What a person says to an agent, without secrets, and not too long."""
        word = self.masker.text(word.strip().encode("utf-8", "replace").decode())
        return word if len(word) <= WORDS_CHARS_MAX else f"{word[: WORDS_CHARS_MAX - 1]}…"

    def preview_edit(self, rid: str, terms: EditTerms, now: float) -> EditPreview:
        """Say what an edit would make of an approval, for a person to confirm.

        Args:
            rid: the approval's id.
            terms: the edit.
            now: UTC seconds.

        Raises:
            LookupError: the approval does not wait for an answer.
            ValueError: the edit can't be made; the text says why.
            PermissionError: policy does not let it be approved so; the text says why.
        """
        record = self.ledger.approval(rid)
        if record is None:
            raise LookupError(NOT_WAITING)
        edit = self.editor.edited(record, terms)
        if edit is None:
            raise ValueError("that is what was asked: nothing is changed")
        objection = self.ledger.objection_to_edit(rid, edit, now)
        if objection is not None:
            code, text = objection
            raise PermissionError(text) if code is ErrorCode.DENIED_BY_POLICY else ValueError(text)
        seen = self.masker.record(msgspec.structs.replace(record, edit=edit))
        assert seen.edit is not None, "it is shown as it was made"
        return EditPreview(seen.edit.signature, seen.edit.args, differences(seen.args, seen.edit))

    def _has_room(self, reply: Reply) -> bool:
        if len(self._replies) < TICKETS_MAX:
            return True
        reply.error(ErrorCode.LIMIT_EXCEEDED, "too many decisions at once", None)
        return False

    def grants(self) -> list[GrantView]:
        """The grants, newest first: those in force, and for some days those that are over."""
        listed = self.ledger.grants(self.utc())[:LIST_ROWS_MAX]
        return [self._grant_view(grant, end) for grant, end in listed]

    def listed_grants(self, before: str = "") -> GrantList:
        """A page of the grants, newest first: those in force, and for days those that are over.

        Args:
            before: the id of a grant: only older ones.

        Raises:
            LookupError: there is no such grant.
        """
        listed = self.ledger.grants(self.utc())
        if before:
            places = [place for place, (grant, _) in enumerate(listed, 1) if grant.id == before]
            if not places:
                raise LookupError("There is no grant with this id: list from the beginning")
            listed = listed[places[0] :]
        return GrantList(*page_of(short_grant(self._grant_view(*row)) for row in listed))

    def _grant_view(self, grant: Grant, end: str) -> GrantView:
        seen, words = self.masker.grant(grant)
        return grant_view(seen, end or "active", words)

    def preview(
        self, rid: str, terms: GrantTerms, now: float, edit: EditTerms | None = None
    ) -> str:
        """Say in words what a grant with this approval would allow, for a person to confirm.

        Args:
            rid: the approval's id.
            terms: of the grant.
            now: UTC seconds.
            edit: what would be approved with it; None: what was asked.

        Raises:
            LookupError: the approval does not wait for an answer.
            ValueError: no such grant can be given with it; the text says why.
        """
        record = self.ledger.approval(rid)
        if record is None:
            raise LookupError(NOT_WAITING)
        if edit is not None:
            made = self.editor.edited(record, edit)
            record = msgspec.structs.replace(record, edit=made).as_approved
        return self.masker.grant(grant_of(record, terms, "", "", now))[1]

    def revoke(
        self, grant_id: str, *, approver: str, channel: str, now: float, reply: Reply
    ) -> None:
        """End a grant, at once; the reply gets the grant when that is durable.

        It gets -32011 if there is no such grant, -32603 if its end could not be stored: then it is
        not used any more, but would be in force again after a restart.
        """
        if self._has_room(reply):
            ticket = str(next(self._numbers))
            self._replies[ticket] = reply
            self.ledger.revoke(ticket, grant_id, by=approver, now=now)

    def mute(
        self, agent: str, minutes: float, *, approver: str, channel: str, now: float
    ) -> MuteView:
        """Ask nobody about an agent for so long; 0 minutes: ask again. It holds at once.

        Raises:
            LookupError: there is no such agent.
            ValueError: too many are muted.
        """
        if not self.is_agent(agent):
            raise LookupError("There is no agent of this name")
        mute = Mute(agent=agent, until=now + minutes * 60.0, by=approver, channel=channel, at=now)
        problem = self.ledger.mute(mute)
        if problem:
            raise ValueError(problem)
        log.warning("%s", muted_text(mute_view(mute)))
        for hear in self.hears_mutes:
            hear()
        return mute_view(mute)

    def mutes(self) -> list[MuteView]:
        """The agents about whose requests nobody is asked at present."""
        return [mute_view(mute) for mute in self.ledger.mutes(self.utc())]

    def silent(self) -> dict[str, float]:
        """These agents, each with the seconds for which that goes on."""
        now = self.utc()
        return {mute.agent: mute.until - now for mute in self.ledger.mutes(now)}

    def revoked(self, effect: Revoked) -> None:
        """The ledger has ended a grant."""
        reply = self._replies.pop(effect.ticket)
        if effect.grant is None:
            reply.error(ErrorCode.NOT_FOUND, "There is no grant with this id", None)
        elif effect.problem:
            text = (
                f"the grant is not used any more, but that could not be stored ({effect.problem}): "
                "revoke it again before the gateway is restarted"
            )
            reply.error(ErrorCode.INTERNAL_ERROR, text, None)
        else:
            reply.result(self._grant_view(effect.grant, effect.end))

    def decided(self, effect: Decided) -> None:
        """The ledger has settled a decision."""
        reply = self._replies.pop(effect.ticket)
        if effect.problem:
            told = effect.record if effect.code is ErrorCode.ALREADY_SETTLED else None
            reply.error(effect.code, effect.problem, self.view(told) if told else None)
        elif effect.record is None:
            reply.error(ErrorCode.NOT_FOUND, "There is no approval with this id", None)
        elif effect.won:
            reply.result(self.view(effect.record))
        else:
            view = self.view(effect.record)
            reply.error(ErrorCode.ALREADY_SETTLED, settled_text(view), view)

    def changed(self, record: Record) -> None:
        """Show a change everywhere; a channel that fails harms no other."""
        view = self.view(record)
        if view.status != "waiting":
            self.reach.reached(view.id)
        elif not view.approved_by:
            self.reach.opened(view.id)
        for channel in self.channels:
            try:
                channel.approval_changed(view)
            except Exception:
                text = "channel %s failed to show an approval"
                log.exception(text, channel.name, extra={"rid": view.id})
