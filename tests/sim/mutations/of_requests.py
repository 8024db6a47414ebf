"""Bugs in the life of a request: what is durable when, what runs, and what is told to whom."""

from __future__ import annotations

from tests.sim.mutations.mutation import (
    ADMISSION,
    COLLECTING,
    DECIDING,
    DELIVERY,
    LIFECYCLE,
    PROTO,
    REJUDGING,
    SERVER,
    Mutation,
)

OF_REQUESTS = (
    # A stricter policy
    Mutation(
        "let what a new policy denies wait on",
        REJUDGING,
        "            if not decision.why:\n",
        "            if decision.why:\n",
    ),
    Mutation(
        "take a yes without asking the policy again, nor when another is in force",
        REJUDGING,
        "        if record.phase is not Phase.WAITING:\n",
        "        if True:\n",
    ),
    Mutation(
        "forget that a new policy wants more people",
        REJUDGING,
        "max(decision.approvers, record.approvers_needed)",
        "record.approvers_needed",
    ),
    # What people make of a request
    Mutation(
        "run what was asked, whatever a person has made of it",
        f"{PROTO}/ledger/effects.py",
        "        record = record.as_approved\n",
        "",
        tests=("tests/proto/ledger/test_editing.py",),
    ),
    Mutation(
        "do not ask the policy about what a person makes of a request",
        DECIDING,
        "        objection = self._rejudging.objection_to(edited.as_approved, now)\n",
        '        objection = ""\n',
        tests=("tests/proto/ledger/test_editing.py",),
    ),
    Mutation(
        "do not tell an agent that its request was edited",
        f"{PROTO}/ledger/steps.py",
        "record.edit.for_agent if record.edit is not None else None",
        "None",
        tests=("tests/proto/ledger/test_editing.py",),
    ),
    # What must be durable first
    Mutation(
        "answer a request before its outcome is durable",
        LIFECYCLE,
        "            self.denying.over(live, now)\n            self._publish(live)\n",
        "            self.denying.over(live, now)\n        self._publish(live)\n",
    ),
    Mutation(
        "run a write tool before the intention is durable",
        LIFECYCLE,
        "            self._write(live, After.RUN, grant)\n        else:\n",
        "            self._write(live, After.RUN, grant)\n        if True:\n",
    ),
    Mutation(
        "never write the intention to run",
        LIFECYCLE,
        "        if live.needs_intention:\n",
        "        if False:\n",
    ),
    Mutation(
        "show a decision as taken before it is durable",
        DECIDING,
        "        live.record = replace(record, phase=Phase.APPROVED)\n",
        "        live.record = replace(record, phase=Phase.APPROVED)\n"
        "        self._effects.append(Decided(live.tickets.pop(), True, live.record))\n",
    ),
    Mutation(
        "ask a person before the question is durable",
        DECIDING,
        "        self._write(live, After.ASK, None)\n",
        "        live.stored = live.record\n        self.show(live)\n"
        "        live.stored = None\n        self._write(live, After.ASK, None)\n",
    ),
    Mutation(
        "take a failed commit for a good one",
        f"{SERVER}/store/writer.py",
        "            if batch.failure is None:\n",
        "            if batch.failure is None or True:\n",
    ),
    Mutation(
        "report a batch before it is written",
        f"{SERVER}/store/writer.py",
        "        self.urgent = self.has_work",
        "        if batch.submitted:\n"
        "            self.callbacks.on_durable(batch.submitted[-1].number)\n"
        "        self.urgent = self.has_work",
    ),
    # Once, and only what was allowed
    Mutation(
        "run a write tool again after a crash",
        LIFECYCLE,
        "            elif record.phase is Phase.RUNNING and record.effects is Effects.WRITE:\n",
        "            elif False:\n",
    ),
    Mutation(
        "forget after a restart what is unknown",
        LIFECYCLE,
        "        for record in restored.unknown:\n            self._unknowns.mark(record)\n",
        "",
        seeds=400,
    ),
    Mutation(
        "let a repeat of an unknown outcome run unasked",
        LIFECYCLE,
        "        repeats_unknown = self._unknowns.repeats(record)\n",
        "        repeats_unknown = False\n",
        seeds=400,
    ),
    Mutation(
        "approve after the approval has expired",
        DECIDING,
        "        elif verdict.at >= record.expires_at:\n",
        "        elif verdict.at >= record.expires_at + 60.0:\n",
        seeds=400,
        tests=("tests/proto/ledger/test_lifecycle.py",),
    ),
    Mutation(
        "let the second answer win",
        DECIDING,
        "            won = not problem and place == 0 and",
        "            won = not problem and place == len(live.tickets) - 1 and",
    ),
    Mutation(
        "let one person say yes twice",
        DECIDING,
        "        if any(said.approver == verdict.approver for said in record.endorsements):\n",
        "        if False:\n",
    ),
    Mutation(
        "do not count the uses of a grant",
        f"{PROTO}/ledger/grants.py",
        "                grant = self._grants[grant_id] = replace(grant, uses=grant.uses + 1)\n",
        "",
        seeds=400,
    ),
    Mutation(
        "do not write that a grant was revoked",
        f"{PROTO}/ledger/grants.py",
        "        if not grant.revoked_at:  #",
        "        if False:  #",
    ),
    Mutation(
        "let a grant cover any arguments",
        f"{PROTO}/records/grant.py",
        "        return canonical_args(fixed) == bytes(self.args)\n",
        "        return bool(args)\n",
    ),
    Mutation(
        "take a deny for an ask",
        LIFECYCLE,
        "        if decision.action is Action.DENY:\n",
        "        if decision.action is Action.DENY and not record.args:\n",
    ),
    Mutation(
        "use one digest for all arguments of a tool",
        f"{PROTO}/digest.py",
        '    return sha256(b"%d:%b%b" % (len(name), name, args)).hexdigest()\n',
        '    return sha256(b"%d:%b" % (len(name), name)).hexdigest()\n',
    ),
    Mutation(
        "ignore idempotency keys that are over",
        ADMISSION,
        "        query = FindIdempotencyKey(*key)\n",
        '        query = FindIdempotencyKey(key[0], key[1] + "-")\n',
    ),
    Mutation(
        "ignore idempotency keys that are under way",
        ADMISSION,
        "        if first is not None:\n            self._join(live, first)\n            return\n",
        "",
    ),
    Mutation(
        "repeats: run again what has run",
        f"{PROTO}/ledger/rejoining.py",
        "        return found.effects is Effects.WRITE or (",
        "        return (",
    ),
    Mutation(
        "repeats: run beside what runs already",
        LIFECYCLE,
        "        twin = self.rejoining.twin(live, decision) if may_join(live) else None\n",
        "        twin = None\n",
        seeds=0,
        tests=("tests/proto/ledger/test_rejoining.py",),
    ),
    Mutation(
        "repeats: wait for the end of what is withdrawn",
        f"{PROTO}/ledger/rejoining.py",
        "    if other.withdrawn_at or other.abandoned:\n        return False\n",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_rejoining.py",),
    ),
    Mutation(
        "take a withdrawal, and run all the same",
        LIFECYCLE,
        "            case After.RUN if live.withdrawn_at:\n",
        "            case After.RUN if live.withdrawn_at:\n"
        "                self._run(live.record)\n",
    ),
    # Delivery
    Mutation(
        "drop the pong rule: what was sent to an old client counts as received",
        f"{PROTO}/connection/server.py",
        "                self.wire.send_ping(payload)\n",
        "                self.wire.send_ping(payload)\n"
        "                self._received(self._receipts.ponged(payload))\n",
    ),
    Mutation(
        "take any pong for a receipt",
        f"{PROTO}/connection/receipts.py",
        '        if payload != PING_PREFIX + b"%d" % self._pinged or not self._ping_out:\n',
        "        if not self._ping_out:\n",
        seeds=0,
        tests=("tests/proto/connection/test_receipts.py",),
    ),
    Mutation(
        "swap the order of acknowledging and keeping",
        f"{PROTO}/connection/receipts.py",
        "        rids = tuple(takewhile(lambda rid: self._unacked[rid] <= seq, self._unacked))\n",
        "        rids = tuple(self._unacked)\n",
        seeds=600,
    ),
    Mutation(
        "acknowledge everything at the first acknowledgement",
        f"{PROTO}/connection/client.py",
        '            self.send_notification("ack", Ack(seq=self._seen_seq))\n',
        '            self.send_notification("ack", Ack(seq=self._seen_seq + 1))\n',
    ),
    Mutation(
        "never acknowledge",
        f"{PROTO}/connection/client.py",
        "        self._seen_seq = seq\n",
        "        self._acked_seq = self._seen_seq = seq\n",
    ),
    Mutation(
        "deliver to whichever client of the principal is there",
        f"{PROTO}/ledger/links.py",
        "        scope = self._scopes.get((principal, client_id))\n"
        "        return scope.link if scope is not None else None\n",
        "        scopes = [a for at, a in self._scopes.items() if at[0] == principal and a.link]\n"
        "        return scopes[-1].link if scopes else None\n",
    ),
    Mutation(
        "hand out the outcomes of all clients of a principal",
        COLLECTING,
        "            link.principal,\n            link.client_id,\n",
        '            link.principal,\n            "c",\n',
        seeds=150,
    ),
    Mutation(
        "send something before the reply that an old client waits for",
        DELIVERY,
        "        if link.replies_due:\n            link.held.append(effect)\n        else:\n",
        "        if True:\n",
    ),
    Mutation(
        "give an old client nothing but rows, which end no call of its",
        COLLECTING,
        "                self._send_row(link, record)\n",
        "                pass\n",
    ),
    Mutation(
        "answer the calls of an old client that its rows are for, before the reply",
        COLLECTING,
        "        reply = AnswerPending(link.number, token.call_id, records, pending, more)\n",
        "        reply = AnswerPending(link.number, token.call_id, records, pending, more)\n"
        "        link.replies_due -= 1\n"
        "        for record in self._awaited(link, rows, records) if link.is_old else ():\n"
        "            self._send_row(link, record)\n"
        "        link.replies_due += 1\n",
    ),
    Mutation(
        "take the pong after an old client's rows for the receipt of the answers",
        f"{PROTO}/connection/server.py",
        "anew=self.is_old_client",
        "anew=False",
        seeds=0,
        tests=("tests/proto/connection/test_old_clients.py",),
    ),
    Mutation(
        "answer a call of an old client with an older outcome of its id",
        COLLECTING,
        " and row.created_at >= newest[row.request_id]",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_collecting.py",),
    ),
    Mutation(
        "answer what an old client asks anew with the outcome of a former process",
        f"{PROTO}/ledger/links.py",
        "            and request_id not in self.own\n",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_collecting.py",),
    ),
    Mutation(
        "give an old client's late answer to a new process",
        f"{PROTO}/ledger/links.py",
        "            and request_id < self.collected_upto\n",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_delivery_old.py",),
    ),
    Mutation(
        "forget what a dead connection was to tell",
        DELIVERY,
        "                    caller.told = False\n",
        "                    pass\n",
        seeds=0,
        tests=("tests/proto/ledger/test_delivery.py",),
    ),
    Mutation(
        "forget to mark as delivered",
        LIFECYCLE,
        "        self._effects.append(self.journal.write(MarkDelivered(rids), urgent=False))\n",
        "",
    ),
    Mutation(
        "let a clock that is set back say which of two requests of an old client is newer",
        ADMISSION,
        "        if not link.is_old:\n            return now\n",
        "        if True:\n            return now\n",
        seeds=0,
        tests=("tests/proto/ledger/test_delivery_old.py",),
    ),
)
