"""Mistakes of a gateway with conversations: sessions, named agents, and tools of clients."""

from __future__ import annotations

from tests.conformance.wrong.mutation import Mutation

SESSIONS = "agentgate_proto/sessions"
LOOKING = f"{SESSIONS}/looking.py"
STARTING = f"{SESSIONS}/starting.py"
RUNS = f"{SESSIONS}/runs.py"
SESSION_CALLS = "agentgate_server/gate/session_calls.py"
AGENT_CALLS = "agentgate_server/gate/agent_calls.py"
AGENTS = "agentgate_server/sessions/agents.py"
PROVIDERS = "agentgate_proto/providing/providers.py"
PROVIDED_DESK = "agentgate_server/tools/provided/desk.py"

OF_SESSIONS = (
    # Sessions
    Mutation(
        "show a session to everybody who knows its id",
        f"{SESSIONS}/sessions.py",
        "                session is None or whose not in (None, session.record.principal) or"
        " session.is_going\n",
        "                session is None or session.is_going\n",
        found_by=("another's session does not exist",),
        rule="S1",
    ),
    Mutation(
        "keep a session that was deleted",
        f"{SESSIONS}/making.py",
        "            self._book.remove(session)\n            self.counts[record.principal] -= 1\n",
        "            session.is_going = False\n",
        found_by=("a session is made, shown, listed and deleted",),
        rule="S4",
    ),
    Mutation(
        "count the events of a log from 1 on",
        "agentgate_proto/records/session_views.py",
        "    offset: int\n",
        "    offset: int\n\n    def __post_init__(self) -> None:\n"
        '        msgspec.structs.force_setattr(self, "offset", self.offset + 1)\n\n',
        found_by=("a message and its run",),
        rule="S5",
    ),
    Mutation(
        "tell the log of another epoch as if it were this one",
        LOOKING,
        '        gap = "epoch"\n',
        "        pass\n",
        found_by=("a cursor of another log",),
        rule="S37",
    ),
    Mutation(
        "take a cursor ahead of the log for its end",
        LOOKING,
        '        gap = "ahead"\n',
        "        offset = log.next\n",
        found_by=("a cursor ahead of the log",),
        rule="S37",
    ),
    Mutation(
        "begin with the first event where no cursor is given",
        LOOKING,
        "        offset = max(run.first, log.oldest) if run is not None else log.visible\n",
        "        offset = log.oldest\n",
        found_by=("attaching without a cursor",),
        rule="S35",
    ),
    Mutation(
        "go on telling a session after it was detached",
        SESSION_CALLS,
        "        if attached is not None:\n            attached.end()\n        return attached",
        "        return attached",
        found_by=("detaching",),
        rule="S33",
    ),
    Mutation(
        "begin another run for a message that comes again",
        STARTING,
        "        if self._joins(session, ticket, params.message_id, now):\n            return\n",
        "",
        found_by=("a message that comes again",),
        rule="S23",
    ),
    Mutation(
        "forget a message once its run is over",
        STARTING,
        "        elif message_id in session.history.messages:\n",
        "        elif message_id in ():\n",
        found_by=("a message that comes again",),
        rule="S23",
    ),
    Mutation(
        "let a message wait that did not ask to",
        STARTING,
        "        elif run is not None and not params.queue:\n",
        "        elif run is not None and not params.queue and run.phase is Phase.CLOSING:\n",
        found_by=("one run at a time",),
        rule="S18",
    ),
    Mutation(
        "refuse a message without naming the run",
        STARTING,
        '            data = {"run": run.id, "approvals": run.approvals}\n',
        "            data = None\n",
        found_by=("one run at a time", "a tool that a person allows"),
        rule="S18",
    ),
    Mutation(
        "end a run with the connection that began it",
        SESSION_CALLS,
        "        for attachment in self._attached.pop(peer.number, {}).values():\n",
        "        for name in self._attached.get(peer.number, {}):\n"
        "            assert self.door is not None and peer.connection.principal is not None\n"
        "            cancel = CancelRun(session=name)\n"
        "            self.door.call(peer.connection.principal, cancel, NativeReply(peer, 0))\n"
        "        for attachment in self._attached.pop(peer.number, {}).values():\n",
        found_by=("a run outlives its client",),
        rule="S17",
    ),
    Mutation(
        "offer the model what the policy denies",
        "agentgate_server/sessions/offers.py",
        'if expect(principal, tool) != "deny"}\n',
        "if tool}\n",
        found_by=("a tool that policy denies",),
        rule="S25",
    ),
    Mutation(
        "ask a model as often as it wants",
        RUNS,
        "        if run.iteration >= run.stored.max_iterations:\n",
        "        if run.iteration >= 1_000 * run.stored.max_iterations:\n",
        found_by=("as often as it may be asked",),
        rule="S25",
    ),
    Mutation(
        "keep what an attempt said that failed",
        RUNS,
        "        if attempt.shown:\n            attempt.shown = 0\n",
        "        if attempt.shown < 0:\n            attempt.shown = 0\n",
        found_by=("a model that stumbles",),
        rule="S8",
    ),
    Mutation(
        "say completed of an answer that was cut",
        RUNS,
        "    Stop.MAX_TOKENS: RunStatus.MAX_TOKENS,\n",
        "    Stop.MAX_TOKENS: RunStatus.COMPLETED,\n",
        found_by=("a model that may not say more",),
        rule="S26",
    ),
    Mutation(
        "leave a message that waits in the queue when its run is cancelled",
        f"{SESSIONS}/queueing.py",
        "            session.record = replace(record, queue=kept)\n            self._end",
        "            session.record = replace(record, queue=record.queue)\n            self._end",
        found_by=("messages wait for their turn",),
        rule="S22",
    ),
    Mutation(
        "go on with the run that was under way, as if nothing had happened",
        f"{SESSIONS}/endings.py",
        '        run.why = RunStatus.INTERRUPTED, "the gateway was stopped, or died"\n',
        '        run.why = RunStatus.COMPLETED, ""\n',
        found_by=("a session after a restart",),
        rule="S29",
    ),
    Mutation(
        "make a session with a model that there is not",
        f"{SESSIONS}/making.py",
        "        if objection := self._settings.objection_to(model):\n"
        "            self._effects.append(Refused(ticket, ErrorCode.MODEL_FAILED, objection))\n",
        "        if objection := self._settings.objection_to(model):\n"
        "            self._effects.append(Refused(ticket, ErrorCode.NOT_FOUND, objection))\n",
        found_by=("a model that there is not",),
        rule="S49",
    ),
    # Named agents
    Mutation(
        "tell an agent that there is not from a wrong password",
        AGENTS,
        "            reply.error(ErrorCode.LOGIN_FAILED, WRONG, None)\n            return\n"
        "        if not is_again:\n",
        "            code = ErrorCode.LOGIN_FAILED if config else ErrorCode.NOT_FOUND\n"
        "            reply.error(code, WRONG, None)\n            return\n"
        "        if not is_again:\n",
        found_by=("who has the password is let in",),
        rule="E2",
    ),
    Mutation(
        "let a login count for all connections of a principal",
        AGENT_CALLS,
        "        logins = self._logins.get(peer.number)\n"
        "        return None if logins is None else logins.agents.get(session)\n",
        "        found = (logins.agents.get(session) for logins in self._logins.values())\n"
        "        return next((agent for agent in found if agent), None)\n",
        found_by=("who has the password is let in",),
        rule="E4",
    ),
    Mutation(
        "go on telling a session after the logout",
        AGENT_CALLS,
        "        if was_logged_in:\n            self._detach(peer, session)\n",
        "",
        found_by=("consoles and relays share a conversation",),
        rule="E7",
    ),
    Mutation(
        "let a console say for whom it logs in",
        AGENT_CALLS,
        "            if objection is not None:\n",
        "            if objection is not None and objection[0] is not ErrorCode.INVALID_PARAMS:\n",
        found_by=("a relay says whose guess a password is",),
        rule="E10",
    ),
    Mutation(
        "leave out of the log who said it",
        f"{SESSIONS}/queueing.py",
        '    who: dict[str, Any] = {"by": message.by} if message.by else {}\n',
        "    who: dict[str, Any] = {}\n",
        found_by=("consoles and relays share a conversation",),
        rule="E9",
    ),
    # Tools of clients
    Mutation(
        "take the offer of a client without a client_id",
        "agentgate_server/gate/providing.py",
        "        if not auth.client_id:\n",
        "        if not auth.token:\n",
        found_by=("a client without a client_id provides nothing",),
        rule="P5",
    ),
    Mutation(
        "withdraw what was offered before an offer that is refused",
        PROVIDED_DESK,
        "            if isinstance(check, SchemaError):\n",
        "            if isinstance(check, SchemaError):\n                self.leave(number)\n",
        found_by=("a schema that is not understood",),
        rule="P2",
    ),
    Mutation(
        "let the last who offers a name have it",
        PROVIDERS,
        "                if name in other.offers:\n",
        "                if name in other.offers and not other.offers.pop(name):\n",
        found_by=("another client of the same principal offers the same tool",),
        rule="P4",
    ),
    Mutation(
        "keep the tools of an offer beside those of the next one",
        PROVIDERS,
        "        for name in provider.offers:\n            del self._offers[name]\n"
        "        provider.offers, provider.size = offers, size\n",
        "        provider.offers, provider.size = offers | provider.offers, size\n",
        found_by=("an offer takes the place of the one before",),
        rule="P1",
    ),
    Mutation(
        "pass on arguments that do not fit what the provider says",
        PROVIDED_DESK,
        "            offered.append((each, check))\n",
        '            offered.append((each, lambda args: ""))\n',
        found_by=("arguments that do not fit what the provider says",),
        rule="P11",
    ),
    Mutation(
        "ask for a write again when its provider is back",
        PROVIDERS,
        "            call.provider = None\n            if call.effects is Effects.WRITE:\n",
        "            call.provider = None\n            if call.effects is None:\n",
        found_by=("a write under way when its provider leaves",),
        rule="P25",
    ),
    Mutation(
        "say unknown of a read whose provider has left",
        PROVIDERS,
        "            call.provider = None\n            if call.effects is Effects.WRITE:\n",
        "            call.provider = None\n            if call.effects:\n",
        found_by=("a read under way when its provider leaves",),
        rule="P26",
    ),
    Mutation(
        "tell no provider that nobody waits any more",
        "agentgate_server/gate/providing.py",
        '            self._peer.connection.send_notification("tools.cancel", ',
        '            {}.get("tools.cancel", ',
        found_by=("a withdrawn request reaches the provider",),
        rule="P21",
    ),
    Mutation(
        "say that the tool failed whatever the provider's error says",
        PROVIDERS,
        "                self._end(call, End.DONE, called.data)\n",
        "                self._end(call, End.DONE, None)\n",
        found_by=("a provided tool is asked for and answered",),
        rule="P13",
    ),
    # Logs
    Mutation(
        "give the middle of a text the offset of its beginning",
        f"{SESSIONS}/log.py",
        "        return text_event(self.kind, self.at, self.run, start, pieces)\n",
        "        return text_event(self.kind, self.at, self.run, self.first, pieces)\n",
        found_by=("attaching after the run",),
        rule="S6",
    ),
    Mutation(
        "leave out what a crash took along without a word",
        f"{SESSIONS}/log.py",
        "        events.append(gap_event(end, start, at))\n",
        "        pass\n",
        found_by=("a session after a restart",),
        rule="S12",
    ),
    Mutation(
        "begin with the message that came last",
        f"{SESSIONS}/queueing.py",
        "        message = record.queue[0]\n",
        "        message = record.queue[-1]\n"
        "        record = replace(record, queue=(message, *record.queue[:-1]))\n",
        found_by=("messages wait in their order",),
        rule="S19",
    ),
)
