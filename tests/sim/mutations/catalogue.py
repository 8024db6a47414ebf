"""Small plausible bugs, each of which must be found: by the simulator, or by the unit tests named.

A mutation is an exact text of a source file and what stands there instead. If the text is not in
the file any more the mutation has to be written anew: a list that goes stale proves nothing.
"""

from __future__ import annotations

from tests.sim.mutations.mutation import Mutation

PROTO, SERVER = "agentgate_proto", "agentgate_server"
LIFECYCLE = f"{PROTO}/lifecycle.py"
DECIDING = f"{PROTO}/deciding.py"
DELIVERY = f"{PROTO}/delivery.py"
ADMISSION = f"{PROTO}/admission.py"
BOOK = f"{PROTO}/call_book.py"

NONE = Mutation("no bug at all", LIFECYCLE, "import", "import", seeds=600)
"""The sources as they are, in which nothing may be found; otherwise no trial proves anything."""

MUTATIONS = (
    # What must be durable first
    Mutation(
        "answer a request before its outcome is durable",
        LIFECYCLE,
        "        if live.stored is None:\n            self._publish(live)\n        self._write",
        "        self._publish(live)\n        self._write",
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
        "        self.urgent = bool(self.entries)",
        "        if batch.submitted:\n"
        "            self.callbacks.on_durable(batch.submitted[-1].number)\n"
        "        self.urgent = bool(self.entries)",
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
        "        for record in restored.unknown:\n            self._mark_unknown(record)\n",
        "",
        seeds=400,
    ),
    Mutation(
        "let a repeat of an unknown outcome run unasked",
        LIFECYCLE,
        "        repeats_unknown = (record.principal, record.digest) in self._unknown\n",
        "        repeats_unknown = False\n",
        seeds=400,
    ),
    Mutation(
        "approve after the approval has expired",
        DECIDING,
        "        elif verdict.at >= record.expires_at:\n",
        "        elif verdict.at >= record.expires_at + 60.0:\n",
        seeds=400,
        tests=("tests/proto/test_lifecycle.py",),
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
        f"{PROTO}/grants.py",
        "                grant = self._grants[grant_id] = replace(grant, uses=grant.uses + 1)\n",
        "",
        seeds=400,
    ),
    Mutation(
        "do not write that a grant was revoked",
        f"{PROTO}/grants.py",
        "            self._grants[grant_id] = replace(grant, revoked_at=now, revoked_by=by)\n",
        "",
    ),
    Mutation(
        "let a grant cover any arguments",
        f"{PROTO}/grant.py",
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
        "take a withdrawal, and run all the same",
        LIFECYCLE,
        "            case After.RUN if live.withdrawn_at:\n",
        "            case After.RUN if live.withdrawn_at:\n"
        "                self._run(live.record)\n",
    ),
    # Delivery
    Mutation(
        "drop the pong rule: what was sent to an old client counts as received",
        f"{PROTO}/server_connection.py",
        "                self.wire.send_ping(payload)\n",
        "                self.wire.send_ping(payload)\n"
        "                self._received(self._receipts.ponged(payload))\n",
    ),
    Mutation(
        "take any pong for a receipt",
        f"{PROTO}/receipts.py",
        '        if payload != PING_PREFIX + b"%d" % self._pinged or not self._ping_out:\n',
        "        if not self._ping_out:\n",
        seeds=0,
        tests=("tests/proto/test_receipts.py",),
    ),
    Mutation(
        "swap the order of acknowledging and keeping",
        f"{PROTO}/receipts.py",
        "        rids = tuple(takewhile(lambda rid: self._unacked[rid] <= seq, self._unacked))\n",
        "        rids = tuple(self._unacked)\n",
        seeds=600,
    ),
    Mutation(
        "acknowledge everything at the first acknowledgement",
        f"{PROTO}/client_connection.py",
        '            self.send_notification("ack", Ack(seq=self._seen_seq))\n',
        '            self.send_notification("ack", Ack(seq=self._seen_seq + 1))\n',
    ),
    Mutation(
        "never acknowledge",
        f"{PROTO}/client_connection.py",
        "        self._seen_seq = seq\n",
        "        self._acked_seq = self._seen_seq = seq\n",
    ),
    Mutation(
        "deliver to whichever client of the principal is there",
        f"{PROTO}/links.py",
        "        scope = self._scopes.get((principal, client_id))\n"
        "        return scope.link if scope is not None else None\n",
        "        scopes = [a for at, a in self._scopes.items() if at[0] == principal and a.link]\n"
        "        return scopes[-1].link if scopes else None\n",
    ),
    Mutation(
        "hand out the outcomes of all clients of a principal",
        f"{PROTO}/delivery.py",
        "        query = Undelivered(link.principal, link.client_id, limit,",
        '        query = Undelivered(link.principal, "c", limit,',
        seeds=150,
    ),
    Mutation(
        "send something before the reply that an old client waits for",
        DELIVERY,
        "        if link.replies_due:\n            link.held.append(effect)\n        else:\n",
        "        if True:\n",
    ),
    Mutation(
        "give an old client's late answer to a new process",
        f"{PROTO}/links.py",
        "            and request_id < self.collected_upto\n",
        "",
        seeds=0,
        tests=("tests/proto/test_delivery_old.py",),
    ),
    Mutation(
        "forget what a dead connection was to tell",
        DELIVERY,
        "                    caller.told = False\n",
        "                    pass\n",
        seeds=0,
        tests=("tests/proto/test_delivery.py",),
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
        tests=("tests/proto/test_delivery_old.py",),
    ),
    # Our client
    Mutation(
        "send again what is pending",
        BOOK,
        "            elif request_id in known:\n                if call.withdrawn:\n"
        "                    self._cancel(call)\n",
        "            elif request_id in known:\n                lost.append(call)\n",
        seeds=0,
        tests=("tests/proto/test_reconciliation.py",),
    ),
    Mutation(
        "do not send again what the gateway does not know",
        BOOK,
        "            else:\n                lost.append(call)\n",
        "            else:\n                pass\n",
    ),
    Mutation(
        "send a lost call under a new id",
        BOOK,
        "            if not call.request_id:\n",
        "            if True:\n",
        tests=("tests/proto/test_call_book.py", "tests/proto/test_client_reconnect.py"),
    ),
    Mutation(
        "begin to count at 1 in each process",
        BOOK,
        "        self._last_id = max(self._last_id, auth.highest_id)\n",
        "",
    ),
    Mutation(
        "do not reconcile after a reconnect",
        BOOK,
        "        if again:\n            self._collect(None)\n        else:\n",
        "        if True:\n",
    ),
    Mutation(
        "take the first page for all",
        BOOK,
        "        if reply.more and reply.results and not self._overfull:\n",
        "        if False:\n",
        seeds=0,
        tests=("tests/proto/test_reconciliation.py", "tests/proto/test_client_model.py"),
    ),
    # Time
    Mutation(
        "forget to look at expiries",
        LIFECYCLE,
        "        self.deciding.expire_due(now)\n",
        "",
    ),
    Mutation(
        "forget the timer of a failed write",
        LIFECYCLE,
        "            self._retry_at = now + self._retry_pause\n",
        "            pass\n",
    ),
    Mutation(
        "forget the keep-alive timer after a sign of life",
        f"{PROTO}/connection.py",
        "                if self.heard_at >= self._probed_at:\n                    self.timers.set",
        "                if self.heard_at >= self._probed_at:\n                    str",
        seeds=600,
    ),
    Mutation(
        "a timer that spins",
        f"{PROTO}/connection.py",
        "                    self._probed_at = self.now\n",
        "                    self._probed_at = self.now + 1e9\n",
        seeds=0,
        tests=("tests/proto/test_connection_keepalive.py",),
    ),
    Mutation(
        "never come back after a failed dial",
        f"{PROTO}/client_machine.py",
        "        self._retry_at = None if final else self._backoff.failed(now)\n",
        "        self._retry_at = None if final else (self._backoff.failed(now) or 0.0) + 1e5\n",
    ),
    # Caps, tables, retention
    Mutation(
        "one approval too many may wait",
        DECIDING,
        "        return self._waiting[principal] < self.limits.waiting_max\n",
        "        return self._waiting[principal] <= self.limits.waiting_max\n",
    ),
    Mutation(
        "leak the place of an approval",
        DECIDING,
        "        self._waiting[record.principal] -= 1\n",
        "        self._waiting[record.principal] -= bool(record.decided_at)\n",
    ),
    Mutation(
        "leave the orphans of old clients behind",
        DELIVERY,
        "        if orphans.pop(caller, None) is not None and not orphans:\n",
        "        if not orphans.get(caller) and not orphans:\n",
    ),
    Mutation(
        "keep outcomes a day less than promised",
        f"{SERVER}/store/sqlite.py",
        "            deleted += self.delete(False, now - self.keep_undelivered_s,",
        "            deleted += self.delete(False, now + 86_400 - self.keep_undelivered_s,",
        seeds=0,
        tests=("tests/server/store/test_retention.py",),
    ),
    Mutation(
        "let retention follow a clock that leaps",
        f"{PROTO}/retention.py",
        "    return min(utc, max(paced, oldest))\n",
        "    return utc\n",
    ),
    # The audit, and the end of a process
    Mutation(
        "leave those who joined out of the audit",
        f"{PROTO}/audit.py",
        "            entries += [ended_with(row, record) for row in joined]\n",
        "",
        seeds=300,
    ),
    Mutation(
        "tell the audit again of a start that was approved",
        f"{PROTO}/audit.py",
        '    if phase is Phase.APPROVED:\n        return answered(record, "request.approved")\n',
        '    if phase is Phase.APPROVED:\n        return later(record, "request.started")\n',
    ),
    Mutation(
        "start a tool when the gateway has stopped all of them",
        f"{SERVER}/running.py",
        "        if self.closed:\n",
        "        if False:\n",
        seeds=0,
        tests=("tests/server/test_running.py",),
    ),
    Mutation(
        "hear people's answers up to the end of a shutdown",
        f"{SERVER}/gateway.py",
        "                self._asking.cancel()  #",
        "                pass  #",
        seeds=0,
        tests=("tests/server/approvals/telegram/test_restarts.py",),
    ),
    Mutation(
        "close with 1000 when the gateway is shut down",
        f"{PROTO}/connection.py",
        "SERVICE_RESTART = 1012\n",
        "SERVICE_RESTART = 1000\n",
    ),
    Mutation(
        "do not close the connections of a revoked token",
        f"{SERVER}/gate.py",
        "        for peer in list(self.peers.values()):\n"
        "            principal = peer.connection.principal\n",
        "        for peer in ():\n            principal = peer.connection.principal\n",
        seeds=150,
    ),
    # Frames and codes
    Mutation(
        "take a text for a message of its own in the middle of a fragmented one",
        f"{PROTO}/websocket.py",
        "            self._fragmented or len",
        "            len",
        seeds=0,
        tests=("tests/proto/test_websocket.py",),
    ),
    Mutation(
        "forget the mask when a frame is measured",
        f"{PROTO}/frames.py",
        "    return head + size + (4 if data[at + 1] & MASKED else 0)\n",
        "    return head + size\n",
        seeds=150,
        tests=("tests/proto/test_frames.py",),
    ),
    Mutation(
        "use up a one-time code for a yes that cannot count",
        f"{SERVER}/approvals/desk.py",
        "verified = approve and grant is None and self",
        "verified = approve and self",
        seeds=0,
        tests=("tests/server/approvals/test_grants.py",),
    ),
)
