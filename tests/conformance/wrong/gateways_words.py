"""Mistakes of a gateway with words and edits: what is said, to whom, and what runs instead."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

ADMISSION = "agentgate_proto/ledger/admission.py"
APPROVAL = "agentgate_proto/records/approval.py"
DECIDING = "agentgate_proto/ledger/deciding.py"
MESSAGES = "agentgate_proto/rpc/messages.py"
REQUEST = "agentgate_proto/records/request.py"
RESULTS = "agentgate_proto/rpc/wire_results.py"
STEPS = "agentgate_proto/ledger/steps.py"
DESK = "agentgate_server/approvals/desk.py"
EDITING = "agentgate_server/approvals/editing.py"
JUDGE = "agentgate_server/gate/judge.py"
ROWS = "agentgate_server/store/rows.py"

OF_WORDS = (
    # Why
    Mutation(
        "keep from people why an agent asks",
        APPROVAL,
        "        why=record.why,\n",
        "",
        found_by=("an agent says why",),
        rule="D36",
    ),
    Mutation(
        "take another why for another request",
        ADMISSION,
        "    digest = identity = digest_of(asked.tool, args)\n",
        "    digest = identity = digest_of(asked.tool + asked.why, args)\n",
        found_by=("an agent says why",),
        rule="D36",
    ),
    Mutation(
        "let the policy read why",
        JUDGE,
        "                args=args,\n                now=now,\n",
        "                args={name: record.why or value for name, value in args.items()},\n"
        "                now=now,\n",
        found_by=("no rule of the policy looks at why",),
        rule="D36",
    ),
    Mutation(
        "take a why of whatever length",
        MESSAGES,
        '    why: Words = ""\n',
        '    why: str = ""\n',
        found_by=("a reason that is too long",),
        rule="D36",
    ),
    Mutation(
        "forget at a restart why an agent asks",
        ROWS,
        'fields |= {"why": said.why, ',
        'fields |= {"why": "", ',
        found_by=("why outlives the gateway",),
        rule="D36",
    ),
    # A word
    Mutation(
        "pass on what is said with a yes alone",
        STEPS,
        "    if record.decided_at and outcome.status not in WITHOUT_PEOPLE:\n",
        "    if record.decided_at and outcome.status is Status.EXECUTED:\n",
        found_by=("a word with a no", "a word that was missed"),
        rule="D38",
    ),
    Mutation(
        "pass on what is said with a no alone",
        STEPS,
        "    if record.decided_at and outcome.status not in WITHOUT_PEOPLE:\n",
        "    if record.decided_at and outcome.status is Status.DENIED:\n",
        found_by=("a word with a yes",),
        rule="D38",
    ),
    Mutation(
        "leave the word out of rows",
        RESULTS,
        "        joined=bool(record.joined),\n        word=outcome.word,\n",
        "        joined=bool(record.joined),\n",
        found_by=("a word that was missed",),
        rule="D38",
    ),
    Mutation(
        "lose the word at a restart",
        ROWS,
        '{**outcome, "word": said.told, **edited}\n',
        "{**outcome, **edited}\n",
        found_by=("a word outlives the gateway",),
        rule="D38",
    ),
    Mutation(
        "pass the word on to who was first to ask",
        "agentgate_proto/ledger/delivery.py",
        "                if caller is live.callers[0]:\n                    own = rid\n",
        "                if caller is live.callers[0]:\n                    own = rid\n"
        "                else:\n"
        "                    bare = {'data': outcome.data, 'message': outcome.message}\n"
        "                    code = outcome.code\n"
        "                    outcome = type(outcome)(status=outcome.status, code=code, **bare)\n",
        found_by=("a word to all who have joined",),
        rule="D38",
    ),
    Mutation(
        "pass on the last word of several",
        REQUEST,
        "        said = [endorsement.word for endorsement in self.endorsements]\n",
        "        said: list[str] = []\n",
        found_by=("a word of each of several",),
        rule="D38",
    ),
    Mutation(
        "cut a word that is too long",
        MESSAGES,
        '    word: Words = ""\n',
        '    word: str = ""\n',
        found_by=("a word that is too long",),
        rule="D38",
    ),
    Mutation(
        "tell an old client what it does not know",
        "agentgate_proto/connection/old_clients.py",
        '        outcome = replace(outcome, word="", edited=UNSET)\n',
        "        pass\n",
        found_by=("an old client hears no word",),
        rule="D40",
    ),
    # Edits
    Mutation(
        "run what was asked, whatever was made of it",
        "agentgate_proto/ledger/effects.py",
        "        record = record.as_approved\n        return cls(\n",
        "        return cls(\n",
        found_by=("an edit runs",),
        rule="D39",
    ),
    Mutation(
        "show people of an edited request only what runs",
        APPROVAL,
        "        args=record.args,\n        signature=record.signature,\n"
        "        rule=record.rule,\n",
        "        args=record.as_approved.args,\n        signature=record.signature,\n"
        "        rule=record.rule,\n",
        found_by=("an edit runs",),
        rule="D39",
    ),
    Mutation(
        "say that an edit was taken that came too late",
        DESK,
        "            reply.error(ErrorCode.ALREADY_SETTLED, settled_text(view), view)\n",
        "            reply.result(view)\n",
        found_by=("one answer wins over an edit",),
        rule="D39",
    ),
    Mutation(
        "run another thing than was asked, and not say so",
        STEPS,
        "        edited = record.edit.for_agent if record.edit is not None else None\n",
        "        edited = None\n",
        found_by=("an edit runs", "an edit outlives the gateway"),
        rule="D40",
    ),
    Mutation(
        "leave out of rows that another thing ran",
        RESULTS,
        "        word=outcome.word,\n        edited=outcome.edited,\n    )\n    if",
        "        word=outcome.word,\n    )\n    if",
        found_by=("an edit outlives the gateway",),
        rule="D40",
    ),
    Mutation(
        "forget at a restart that another thing ran",
        ROWS,
        '        edited = {} if said.edited is UNSET else {"edited": said.edited}\n',
        "        edited: dict[str, Any] = {}\n",
        found_by=("an edit outlives the gateway",),
        rule="D40",
    ),
    Mutation(
        "take an edit with a no for a mere no",
        DESK,
        "        if edit is not None and not approve:\n",
        "        if False:\n",
        found_by=("an edit that does not fit",),
        rule="D41",
    ),
    Mutation(
        "let people edit what the tool does not take",
        EDITING,
        "            raise ValueError(str(error)) from None\n",
        "            return written if error else None\n",
        found_by=("an edit that does not fit",),
        rule="D41",
    ),
    Mutation(
        "take a yes to an edit that names nothing for a yes",
        EDITING,
        "        if name not in asked:\n",
        "        if False:\n",
        found_by=("an edit that does not fit",),
        rule="D41",
    ),
    Mutation(
        "let one of several people edit",
        DECIDING,
        "        if edited.approvers_needed > 1:\n",
        "        if False:\n",
        found_by=("what takes several people is not edited",),
        rule="D41",
    ),
    Mutation(
        "let people edit past the policy",
        DECIDING,
        "        objection = self._rejudging.objection_to(edited.as_approved, now)\n",
        '        objection = ""\n',
        found_by=("an edit that policy does not let one person approve",),
        rule="D42",
    ),
    Mutation(
        "ask the policy again about what was asked, not about what was made of it",
        DECIDING,
        "        objection = self._rejudging.objection_to(edited.as_approved, now)\n",
        "        objection = self._rejudging.objection_to(edited, now)\n",
        found_by=("an edit that policy does not let one person approve",),
        rule="D42",
    ),
    Mutation(
        "know a request by what was made of it",
        REQUEST,
        "        return self.written or self.digest\n",
        "        own = self.as_approved\n        return own.written or own.digest\n",
        found_by=("an edit runs",),
        rule="D43",
    ),
    Mutation(
        "grant what was asked with the yes to an edit",
        DECIDING,
        "                grant = grant_of(record.as_approved, verdict.grant, by, channel, at)\n",
        "                grant = grant_of(record, verdict.grant, by, channel, at)\n",
        found_by=("a grant with an edit",),
        rule="D44",
    ),
    Mutation(
        "preview what would be refused",
        DESK,
        "        objection = self.ledger.objection_to_edit(rid, edit, now)\n",
        "        objection = None\n",
        found_by=("an edit that policy does not let one person approve",),
        rule="D45",
    ),
    Mutation(
        "preview the grant of what was asked with an edit",
        DESK,
        "        if edit is not None:\n            made = ",
        "        if edit is not None and not edit:\n            made = ",
        found_by=("a preview of an edit",),
        rule="D45",
    ),
    Mutation(
        "let everybody edit",
        MESSAGES,
        '        Method("preview_edit", PreviewEdit, EditPreview, PEOPLE),\n',
        '        Method("preview_edit", PreviewEdit, EditPreview, EVERYONE),\n',
        found_by=("an agent edits nothing",),
        rule="M28",
    ),
)
