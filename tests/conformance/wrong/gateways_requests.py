"""Mistakes of a gateway with requests: what runs, what is the same, what is withdrawn."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

ADMISSION = "agentgate_proto/ledger/admission.py"
LIFECYCLE = "agentgate_proto/ledger/lifecycle.py"
LINKS = "agentgate_proto/ledger/links.py"
LEDGER = "agentgate_proto/ledger/ledger.py"
CALLS = "agentgate_server/gate/calls.py"
SERVER = "agentgate_proto/connection/server.py"
RECEIPTS = "agentgate_proto/connection/receipts.py"
OLD_CLIENTS = "agentgate_proto/connection/old_clients.py"
COLLECTING = "agentgate_proto/ledger/collecting.py"
STATEMENTS = "agentgate_server/store/statements.py"

OF_REQUESTS = (
    # What runs
    Mutation(
        "run what the policy denies",
        LIFECYCLE,
        "        if decision.action is Action.DENY:\n",
        "        if decision.action is Action.DENY and repeats_unknown:\n",
        found_by=("denied by policy",),
        rule="C22",
    ),
    Mutation(
        "run before a person has said yes",
        LIFECYCLE,
        '            self._ask(live, decision, "", now)\n\n    def _ask',
        "            self._start(live)\n\n    def _ask",
        found_by=("a person says no",),
        rule="C22",
    ),
    Mutation(
        "run a write that had begun once more after a restart",
        LIFECYCLE,
        "            elif record.phase is Phase.RUNNING and record.effects is Effects.WRITE:\n",
        "            elif record.phase is Phase.RUNNING and not record.effects:\n",
        found_by=("an unknown outcome",),
        rule="C29",
    ),
    Mutation(
        "say failed of a write that had begun when the gateway died",
        LIFECYCLE,
        '            self.finish(live, unknown("the gateway died while the tool ran"), now)\n',
        '            self.finish(live, ended(Status.FAILED, ErrorCode.TOOL_FAILED, "died"), now)\n',
        found_by=("an unknown outcome",),
        rule="C29",
    ),
    Mutation(
        "forget what may have run once it was told",
        LIFECYCLE,
        "        repeats_unknown = self._unknowns.repeats(record)\n",
        "        repeats_unknown = False\n",
        found_by=("asking again after an unknown outcome",),
        rule="C30",
    ),
    Mutation(
        "forget at a restart what waits for a person",
        LIFECYCLE,
        "                self.deciding.restore(live)\n",
        "                self.deciding.restore(live)\n"
        "                self.deciding.withdraw(live)\n",
        found_by=("a request that waits outlives the gateway",),
        rule="C24",
    ),
    # What is refused
    Mutation(
        "number a refusal",
        SERVER,
        "        text = encode_failure(request_id, code, message, data)\n"
        "        self._answer(request_id, lambda: text, from_earlier=True)\n",
        '        data = data or {"seq": self._receipts.sent(["refused"])}\n'
        "        text = encode_failure(request_id, code, message, data)\n"
        "        self._answer(request_id, lambda: text, from_earlier=True)\n",
        found_by=("an unknown tool",),
        rule="C25",
    ),
    Mutation(
        "run what has arguments that do not fit",
        CALLS,
        "            bound = tool.bound(args)\n        except ArgumentError as error:\n",
        "            bound = tool.bound(args)\n"
        "        except ArgumentError:\n            bound = None\n"
        "        try:\n            pass\n        except ArgumentError as error:\n",
        found_by=("arguments that do not fit",),
        rule="C25",
    ),
    Mutation(
        "take arguments however large they are",
        CALLS,
        "        if objection:\n            self.observers.capped",
        "        if False:\n            self.observers.capped",
        found_by=("arguments that are too large",),
        rule="L2",
    ),
    Mutation(
        "count the id of what was too large as used",
        CALLS,
        "        now, args = self.utc(), params.args\n        size = size or len(encode(args))\n",
        "        now, args = self.utc(), params.args\n        size = size or len(encode(args))\n"
        "        self._ids = getattr(self, '_ids', {})\n"
        "        if self._ids.setdefault((link, request_id), size) != size:\n"
        "            return ErrorCode.INVALID_REQUEST, 'used'\n",
        found_by=("arguments that are too large",),
        rule="C25",
    ),
    Mutation(
        "say no word of when a limit is over",
        "agentgate_server/gate/responses.py",
        '                data = None if retry_after_s is None else {"retry_after_s": '
        "retry_after_s}\n",
        "                data = None\n",
        found_by=("too many waiting approvals",),
        rule="L3",
    ),
    Mutation(
        "make room for a waiting approval by ending the oldest",
        "agentgate_proto/ledger/deciding.py",
        "        if self._waiting[principal] >= self.limits.waiting_max:\n",
        "        if False:\n",
        found_by=("too many waiting approvals",),
        rule="L2",
    ),
    # What is the same
    Mutation(
        "run a request again that comes again",
        STATEMENTS,
        "    WHERE principal = ? AND client_id = ? AND request_id = ? ORDER BY seq DESC LIMIT 1\n",
        "    WHERE principal = ? AND client_id = ? AND request_id = ? AND phase <> 'done'"
        " ORDER BY seq DESC LIMIT 1\n",
        found_by=("the same request again", "what was told outlives the gateway"),
        rule="C26",
    ),
    Mutation(
        "run a request again that comes while it is under way",
        ADMISSION,
        "        known = requests.get(record.request_id)\n",
        "        known = None\n",
        found_by=("the same request while it is under way",),
        rule="C26",
    ),
    Mutation(
        "take an id with other content for the same request",
        ADMISSION,
        "        elif found.identity != live.record.identity:\n",
        "        elif found.tool != live.record.tool and False:\n",
        found_by=("the same id with other content",),
        rule="C27",
    ),
    Mutation(
        "take one id of two clients for one request",
        STATEMENTS,
        "    WHERE principal = ? AND client_id = ? AND request_id = ? ORDER BY",
        "    WHERE principal = ? AND client_id <> ? AND request_id = ? ORDER BY",
        found_by=("the same request again",),
        rule="C26",
    ),
    Mutation(
        "look for an idempotency key among what is under way alone",
        ADMISSION,
        "        if found is None:\n            if by_id:",
        "        if found is None or not by_id:\n            if by_id:",
        found_by=("an idempotency key", "an idempotency key outlives the gateway"),
        rule="C28",
    ),
    Mutation(
        "run again what a repeat says has run",
        "agentgate_proto/ledger/rejoining.py",
        "        return found.effects is Effects.WRITE or (",
        "        return (",
        found_by=("a repeat of what was executed", "a repeat outlives the gateway"),
        rule="C35",
    ),
    Mutation(
        "ask again for what a person has just denied",
        "agentgate_proto/ledger/rejoining.py",
        "    return outcome.code == ErrorCode.DENIED_BY_PERSON and asks_somebody(decision)\n",
        "    return False\n",
        found_by=("a repeat of what was denied",),
        rule="C35",
    ),
    Mutation(
        "let a repeat beside a key be no other act",
        "agentgate_proto/ledger/rejoining.py",
        "        and not record.idempotency_key\n",
        "",
        found_by=("a repeat of what was executed",),
        rule="C36",
    ),
    Mutation(
        "take an idempotency key with other content for the same act",
        ADMISSION,
        "        elif found.identity != live.record.identity:\n",
        "        elif by_id and found.identity != live.record.identity:\n",
        found_by=("an idempotency key",),
        rule="C28",
    ),
    # Progress, lists, what others see
    Mutation(
        "tell everybody that a person is asked",
        LINKS,
        "        self.progress = progress\n",
        "        self.progress = True\n",
        found_by=("a person says no",),
        rule="C22",
    ),
    Mutation(
        "tell nobody that a person is asked",
        LINKS,
        "        self.progress = progress\n",
        "        self.progress = False\n",
        found_by=("progress",),
        rule="C31",
    ),
    Mutation(
        "list tools that are denied in any case",
        "agentgate_server/gate/listing.py",
        '        if expected == "deny" or tool.name == EXCEED_BUDGET:\n',
        "        if tool.name == EXCEED_BUDGET:\n",
        found_by=("the tools",),
        rule="C33",
    ),
    Mutation(
        "give a client the outcomes of all principals under its client_id",
        STATEMENTS,
        "    WHERE principal = ? AND client_id = ? AND phase = 'done' AND delivered = 0\n",
        "    WHERE principal <> ? || 'x' AND client_id = ? AND phase = 'done' AND delivered = 0\n",
        found_by=("another agent sees nothing",),
        rule="Z22",
    ),
    Mutation(
        "tell words of its own for those of a tool that failed",
        "agentgate_server/tools/runner.py",
        "            return unknown(text)\n        return failed(text)\n",
        '            return unknown(text)\n        return failed("Internal error")\n',
        found_by=("the tool fails",),
        rule="C32",
    ),
    # Withdrawing
    Mutation(
        "say cancelled whatever came of it",
        "agentgate_server/gate/responses.py",
        "                connection.send_result(call_id, CancelResult(CancelStatus(status)))\n",
        "                connection.send_result(call_id, CancelResult(CancelStatus.CANCELLED))\n",
        found_by=("cancel what is over", "cancel what never was", "cancel what runs"),
        rule="W30",
    ),
    Mutation(
        "answer a withdrawal and never the request",
        LIFECYCLE,
        "        live.public = True\n        self.delivery.answer(live, live.record.rid)\n",
        "        live.public = True\n"
        "        if live.record.outcome != CANCELLED:\n"
        "            self.delivery.answer(live, live.record.rid)\n",
        found_by=("cancel what waits",),
        rule="W31",
    ),
    Mutation(
        "let a yes count that comes after the withdrawal",
        LEDGER,
        "            token = Token(Purpose.DECIDE, rid=rid, ticket=verdict.ticket)\n"
        "            self._effects.append(Question(FindRid(rid), token))\n",
        "            token = Token(Purpose.DECIDE, rid=rid, ticket=verdict.ticket)\n"
        "            self._effects.append(Decided(verdict.ticket, False, None))\n",
        found_by=("withdrawn before a yes",),
        rule="W32",
    ),
    Mutation(
        "say unknown_request of what is over",
        "agentgate_proto/ledger/withdrawing.py",
        '            status = "too_late" if self._delivery.is_past(link, request_id) else '
        '"unknown_request"\n',
        '            status = "unknown_request"\n',
        found_by=("a yes before it is withdrawn",),
        rule="W32",
    ),
    # Old clients
    Mutation(
        "number the outcomes of old clients",
        SERVER,
        "        numbered = 0 if self.is_old_client else seq\n"
        "        if outcome.status is Status.EXECUTED:\n",
        "        numbered = seq\n        if outcome.status is Status.EXECUTED:\n",
        found_by=("no numbers",),
        rule="O1",
    ),
    Mutation(
        "never ask an old client for a pong",
        RECEIPTS,
        "        if self._ping_out or self._pinged == self.last_seq or not self._unacked:\n",
        "        if True or self._ping_out or self._pinged == self.last_seq:\n",
        found_by=("the receipt is a pong",),
        rule="O4",
    ),
    Mutation(
        "take any pong for a receipt",
        RECEIPTS,
        '        if payload != PING_PREFIX + b"%d" % self._pinged or not self._ping_out:\n'
        "            return ()\n",
        "",
        found_by=("an invented pong",),
        rule="O5",
    ),
    Mutation(
        "tell an old client rows and never answer its calls",
        COLLECTING,
        "        if link.is_old:\n            for record in self._awaited(",
        "        if link.is_old and link.has_more:\n            for record in self._awaited(",
        found_by=("rows answer the calls that wait",),
        rule="O6",
    ),
    Mutation(
        "answer a new process's calls with what a former one asked",
        LINKS,
        "            and request_id < self.collected_upto\n",
        "",
        found_by=("no late answer to another process",),
        rule="O7",
    ),
    Mutation(
        "scope an old client's ids to its principal",
        LINKS,
        "        self.is_old = not client_id\n",
        '        client_id = self.client_id = client_id or "old"\n'
        "        self.scope = principal, client_id\n        self.is_old = not client_id\n",
        found_by=("an id again on a new connection",),
        rule="O2",
    ),
    Mutation(
        "send an old client outcomes of any size",
        OLD_CLIENTS,
        "    if size <= LEGACY_MESSAGE_BYTES_MAX - ENVELOPE_BYTES:\n",
        "    if size <= 100 * LEGACY_MESSAGE_BYTES_MAX:\n",
        found_by=("an outcome that is too large",),
        rule="O12",
    ),
    # How it ends
    Mutation(
        "say executed of a tool that failed",
        "agentgate_server/tools/runner.py",
        "            return unknown(text)\n        return failed(text)\n",
        '            return unknown(text)\n        return executed(b"null")\n',
        found_by=("the tool fails",),
        rule="C20",
    ),
    Mutation(
        "start a tool twice",
        LIFECYCLE,
        "    def _run(self, record: Record) -> None:\n",
        "    def _run(self, record: Record) -> None:\n"
        "        self._effects.append(\n"
        "            Run(record.rid, record.tool, bytes(record.args), record.effects)\n        )\n",
        found_by=("the same request again",),
        rule="C21",
    ),
    Mutation(
        "end what waits with the connection that asked",
        "agentgate_server/gate/gate.py",
        "                self.calls.closed(peer)\n",
        "                self.calls.closed(peer)\n"
        "                links = self.ledger._delivery.links\n"
        "                link = links.get(peer.number)\n"
        "                for request_id in list(links.requests_at(link)) if link else ():\n"
        "                    self.ledger.cancel(peer.number, None, request_id, self.utc())\n",
        found_by=("decided while away",),
        rule="X23",
    ),
    Mutation(
        "end all that waits when one more is too much",
        LIFECYCLE,
        "            self.refuse(live, ErrorCode.LIMIT_EXCEEDED, *objection)\n        else:\n",
        "            self.refuse(live, ErrorCode.LIMIT_EXCEEDED, *objection)\n"
        "            for other in list(self.live.values()):\n"
        "                if other.record.phase is Phase.WAITING:\n"
        "                    self.deciding._end(other, other.withdrawn_as, now)\n        else:\n",
        found_by=("too many waiting approvals",),
        rule="L4",
    ),
    Mutation(
        "tell nobody what came of a tool that was stopped",
        "agentgate_proto/ledger/withdrawing.py",
        "                self._effects.append(Stop(live.record.rid))\n",
        "                self._effects.append(Stop(live.record.rid))\n"
        "                live.callers[0].told = True\n",
        found_by=("cancel what runs",),
        rule="W33",
    ),
    Mutation(
        "answer a new request of an old client with what its id meant before",
        LINKS,
        "            and request_id not in self.own\n            and request_id < self._own_from\n",
        "",
        found_by=("rows answer no new request",),
        rule="O9",
    ),
    Mutation(
        "let an old client have one connection",
        LINKS,
        "            self._old.setdefault(link.principal, {})[link.number] = link\n"
        "            return None\n",
        "            siblings = self._old.setdefault(link.principal, {})\n"
        "            former = next(iter(siblings.values()), None)\n"
        "            siblings[link.number] = link\n            return former\n",
        found_by=("two connections of one agent",),
        rule="O11",
    ),
)
