"""Bugs in what sessions promise: their machine, the desk around it, and those who watch."""

from __future__ import annotations

from tests.sim.mutations.mutation import PROTO, SERVER, Mutation

ROOM = f"{PROTO}/sessions"
DESKS = f"{SERVER}/sessions"
CLIENT_TURNS = "tests/proto/sessions/test_client_turns.py"
WATCHING = "tests/server/sessions/test_watching.py"

OF_SESSIONS = (
    # I12: one run at a time, and every call closed once
    Mutation(
        "session: let a message wait whose sender would not",
        f"{ROOM}/starting.py",
        "        elif run is not None and not params.queue:\n",
        "        elif run is not None and not (params.queue or run.iteration):\n",
        seeds=0,
        tests=("tests/proto/sessions/test_starting.py",),
    ),
    Mutation(
        "session: let any message join the run under way",
        f"{ROOM}/starting.py",
        "        if run is not None and run.stored.message_id == message_id:\n",
        "        if run is not None and run.stored.message_id:\n",
    ),
    Mutation(
        "session: run a message again that has run",
        f"{ROOM}/starting.py",
        "        elif message_id in session.history.messages:\n",
        "        elif message_id in session.history.messages and run is not None:\n",
    ),
    # Messages that wait
    Mutation(
        "session: say that a message waits before it is on disk",
        f"{ROOM}/queueing.py",
        "waits=True)\n        session.then.append(Done(ticket, result))\n",
        "waits=True)\n        self._effects.append(Done(ticket, result))\n",
    ),
    Mutation(
        "session: let the message that came last begin first",
        f"{ROOM}/queueing.py",
        "record, queue=(*record.queue, message), messages",
        "record, queue=(message, *record.queue), messages",
    ),
    Mutation(
        "session: run a message that waits again after a crash",
        f"{ROOM}/queueing.py",
        "run=stored, queue=record.queue[1:])\n",
        "run=stored)\n",
    ),
    Mutation(
        "session: let what waits wait for ever",
        f"{ROOM}/endings.py",
        "        self.begin_next(session, now)\n",
        "        if run.why[0] is not RunStatus.INTERRUPTED:\n"
        "            self.begin_next(session, now)\n",
        seeds=300,
    ),
    Mutation(
        "session: begin a run for nobody before its beginning is on disk",
        f"{ROOM}/queueing.py",
        "        session.then.append(partial(self._begin, session, run))\n",
        "        self._begin(session, run, now)\n",
        seeds=0,
        tests=("tests/proto/sessions/test_queueing.py",),
    ),
    Mutation(
        "session: take no message out that waits",
        f"{ROOM}/queueing.py",
        "            session.record = replace(record, queue=kept)\n",
        "",
        seeds=400,
        tests=("tests/proto/sessions/test_queueing.py",),
    ),
    Mutation(
        "session: end a run while its tools are being withdrawn",
        f"{ROOM}/endings.py",
        "        if run.phase is not Phase.CLOSING or run.tools:\n",
        "        if run.phase is not Phase.CLOSING:\n",
    ),
    Mutation(
        "session: withdraw nothing when a run is cancelled",
        f"{ROOM}/endings.py",
        "                tool.withdrawn = True\n"
        "                self._effects.append(CancelTool(session.id, call))\n"
        "        self._finish_if_closed(session, run, now)\n\n    def cancel(",
        "                tool.withdrawn = True\n"
        "        self._finish_if_closed(session, run, now)\n\n    def cancel(",
        seeds=400,
        tests=("tests/proto/sessions/test_endings.py",),
    ),
    Mutation(
        "session: tell of a call that may run that it did not",
        f"{ROOM}/endings.py",
        "        if run is not None and is_over:\n            for call in pending:\n",
        "        if run is not None and not is_over:\n            for call in pending:\n",
        seeds=300,
    ),
    Mutation(
        "session: tell twice what became of a call that a dead process had told",
        f"{ROOM}/endings.py",
        "        elif call not in history.call_ids and not call.startswith(EXCEED_BUDGET):\n",
        "        elif not call.startswith(EXCEED_BUDGET):\n",
        seeds=600,
        tests=("tests/proto/sessions/test_endings.py",),
    ),
    Mutation(
        "session: drop what a tool came to after its call was closed",
        f"{ROOM}/endings.py",
        "        if call in history.unsettled:\n",
        "        if False:\n",
    ),
    Mutation(
        "session: leave those waiting who have cancelled",
        f"{ROOM}/endings.py",
        "        for ticket in run.cancels:\n            result = ",
        "        for ticket in ():\n            result = ",
    ),
    Mutation(
        "session: acknowledge an outcome before it is in the log",
        f"{ROOM}/runs.py",
        "        tool = run.tools.pop(call)\n"
        "        session.then.append(AckTool(session.id, call))\n",
        "        tool = run.tools.pop(call)\n"
        "        self._effects.append(AckTool(session.id, call))\n",
    ),
    Mutation(
        "session: ask for a tool before its call is in the log",
        f"{ROOM}/runs.py",
        "        session.then.append(AskTool(",
        "        self._effects.append(AskTool(",
    ),
    Mutation(
        "session: give a call the id of another that the log has forgotten",
        f"{ROOM}/call_ids.py",
        "    is_new = name and not session.log.oldest\n",
        "    is_new = name\n",
        seeds=300,
        tests=("tests/proto/sessions/test_runs.py",),
    ),
    # Clients that keep the conversation themselves
    Mutation(
        "session: leave the model without the result of a tool of its client",
        f"{ROOM}/queueing.py",
        "        for kind, data in events_before(session.history, message.run, None):\n",
        "        for kind, data in ():\n",
        seeds=0,
        tests=(CLIENT_TURNS,),
    ),
    Mutation(
        "session: keep calls of an answer that its client has taken back",
        f"{ROOM}/history.py",
        "            self.open.clear()  # calls without a result are the newest group's\n",
        "            pass\n",
        seeds=0,
        tests=(CLIENT_TURNS,),
    ),
    Mutation(
        "session: go on without waiting for the tools of the client",
        f"{ROOM}/runs.py",
        "        if run.awaits_client:\n",
        "        if run.awaits_client and not run.names:\n",
        seeds=0,
        tests=(CLIENT_TURNS,),
    ),
    Mutation(
        "session: let a client's result count for a call that does not wait",
        f"{ROOM}/client_turns.py",
        "or any(back.id in history.open for back in last_returns(told))\n",
        "or bool(results)\n",
        seeds=0,
        tests=(CLIENT_TURNS,),
    ),
    Mutation(
        "session: hear a model whose attempt is over",
        f"{ROOM}/sessions.py",
        " or run.attempt is None or run.attempt.call != call:\n",
        " or run.attempt is None:\n",
        seeds=0,
        tests=("tests/proto/sessions/test_runs_failing.py",),
    ),
    Mutation(
        "session: collect, and forget what to acknowledge",
        f"{DESKS}/tool_desk.py",
        "            link.rids[str(record.request_id)] = record.rid\n        if reply.more:\n",
        "        if reply.more:\n",
        seeds=600,
        tests=("tests/server/sessions/test_tool_desk.py",),
    ),
    # I11: an offset means one thing for ever, and nothing is lost
    Mutation(
        "session: show text beyond what is reserved on disk",
        f"{ROOM}/log.py",
        "        return min(self._hidden[0] if self._hidden else self.next, self.reserved)\n",
        "        return self._hidden[0] if self._hidden else self.next\n",
        seeds=600,
        tests=("tests/proto/sessions/test_log.py",),
    ),
    Mutation(
        "session: use offsets again that a dead process has shown",
        f"{ROOM}/session.py",
        "        next_offset = max(record.next, record.reserved)\n",
        "        next_offset = record.next\n",
        seeds=300,
    ),
    Mutation(
        "session: withdraw what an attempt said without saying so",
        f"{ROOM}/runs.py",
        "            session.log.append(EventKind.RESET, data, now)\n",
        "",
    ),
    Mutation(
        "session: lose what a model had said when the gateway died",
        f"{ROOM}/endings.py",
        "        if said:\n            log_reply(",
        "        if said and run.tools:\n            log_reply(",
        seeds=300,
    ),
    Mutation(
        "session: take a cursor that is ahead of the log",
        f"{ROOM}/looking.py",
        "    elif offset > log.next:\n",
        "    elif offset > 2**60:\n",
    ),
    Mutation(
        "session: do not tell of a hole at the end of what was read",
        f"{ROOM}/log.py",
        "    check_order(events, end, offset, at)\n    return events\n",
        "    return events\n",
        seeds=300,
        tests=("tests/proto/sessions/test_log.py",),
    ),
    Mutation(
        "session: begin to watch where the log ends",
        f"{DESKS}/watching.py",
        "        place.offset = answer.offset\n",
        "        place.offset = answer.next\n",
    ),
    Mutation(
        "session: let a watcher wait for what the store could not read once",
        f"{DESKS}/watching.py",
        "            self._watching.failed(place)\n            return\n",
        "            return\n",
        seeds=600,
        tests=(WATCHING,),
    ),
    Mutation(
        "session: take rows for lost for which a page had no room",
        f"{DESKS}/watching.py",
        "        size = sum(map(log_row_bytes, rows))\n",
        "        size = sum(len(bytes(row.data)) for row in rows)\n",
        seeds=0,
        tests=(WATCHING,),
    ),
    Mutation(
        "session: keep a session in memory for those who have looked at its context",
        f"{ROOM}/book.py",
        "            session.pins -= 1\n",
        "            pass\n",
    ),
    Mutation(
        "session: number writes when they are wanted, not when they are made",
        f"{DESKS}/desk.py",
        "                number = self._numbering.next(SESSIONS, number)\n",
        "                self._numbering.next(SESSIONS, number)\n",
    ),
    Mutation(
        "session: wait until a clock that was set back has caught up",
        f"{DESKS}/desk.py",
        "        self.sessions.handle_timer(self._utc())  # it",
        "        if (self._next_deadline() or 0.0) <= self._utc():\n"
        "            self.sessions.handle_timer(self._utc())  # it",
        seeds=300,
    ),
    # I13: money
    Mutation(
        "session: ask a model before the money for it is reserved on disk",
        f"{ROOM}/runs.py",
        "        session.then.append(\n            CallModel(\n",
        "        self._effects.append(\n            CallModel(\n",
    ),
    Mutation(
        "session: look at a budget and reserve nothing",
        f"{ROOM}/budgets.py",
        "        self._add(principal, model, day, micros or 0)\n        return None\n",
        "        return None\n",
    ),
    Mutation(
        "session: settle an attempt twice",
        f"{ROOM}/spending.py",
        "    run.attempt = None\n",
        "",
    ),
    Mutation(
        "session: never settle what a dead process had reserved",
        f"{ROOM}/recovery.py",
        "            settle(self._budgets, session, run, now, billed=True)\n",
        "            run.attempt = None\n",
    ),
    Mutation(
        "session: tell of a run that a dead process has left what it cost since",
        f"{ROOM}/run.py",
        "        self.cost_micros = so_far.cost_micros\n",
        "        self.cost_micros = 0\n",
    ),
    Mutation(
        "session: forget of a run under way what a restart would read",
        f"{ROOM}/session.py",
        "            oldest = min(oldest, self.run.step)\n",
        "            pass\n",
        seeds=0,
        tests=("tests/proto/sessions/test_session.py",),
    ),
    Mutation(
        "session: let a person's yes exceed the budgets that deny",
        f"{ROOM}/budgets.py",
        '            if not (forced and objection.over == "ask")\n',
        "            if not forced\n",
        seeds=300,
        tests=("tests/proto/sessions/test_budgets.py",),
    ),
    Mutation(
        "session: end a joined request twice that is banished and withdrawn",
        f"{PROTO}/ledger/withdrawing.py",
        "        if withdrawn and live.abandoned and live.settling:",
        "        if False and live.settling:",
        seeds=0,
        tests=("tests/proto/ledger/test_banishing.py",),
    ),
)
