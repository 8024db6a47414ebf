"""Bugs in what keeps promises beside the core: backends, policy, people, doors, turns, the audit.

Most are out of the sight of the simulator, so the smallest file of tests that finds each is named.
"""

from __future__ import annotations

from tests.sim.mutations.mutation import PROTO, SERVER, Mutation

BACKENDS = f"{SERVER}/backends"
CASE = f"{SERVER}/policy/case.py"
CODES = f"{SERVER}/approvals/codes.py"
HEADS = f"{SERVER}/audit/heads.py"
HOSTILE = "tests/server/sockets/test_hostile_peers.py"
HOUSE = f"{SERVER}/tools/home_assistant"
READING = f"{HOUSE}/reading.py"

TICKETS = f"{PROTO}/faces/answer_tickets.py"

OF_PROMISES = (
    # A button of a notification works once, where it belongs
    Mutation(
        "take no ticket that is good",
        TICKETS,
        "        ticket = self._live.get(key)\n",
        "        ticket = self._live.get(key[1:])\n",
        tests=("tests/proto/faces/test_answer_tickets.py",),
    ),
    Mutation(
        "let a ticket be good as often as it is taken",
        TICKETS,
        "        self.spend([key])\n",
        "",
        seeds=0,
        tests=("tests/proto/faces/test_answer_tickets.py",),
    ),
    Mutation(
        "let a ticket count that another channel has given out",
        TICKETS,
        "        if ticket.channel not in channels:\n            return None\n",
        "",
        seeds=0,
        tests=("tests/proto/faces/test_answer_tickets.py",),
    ),
    # A write is sent once, and told as what it was
    Mutation(
        "follow the redirects of a write whose method is GET",
        f"{BACKENDS}/http_client.py",
        'return allowed and effects is Effects.READ and method in ("GET", "HEAD")\n',
        'return allowed and method in ("GET", "HEAD")\n',
        seeds=0,
        tests=("tests/server/backends/test_http_reach.py",),
    ),
    Mutation(
        "do not tell the backend's client what a tool does",
        f"{SERVER}/tools/http/tool.py",
        "effects=self.effects,\n",
        "effects=type(self.effects).READ,\n",
        seeds=0,
        tests=("tests/server/tools/http/test_writes.py",),
    ),
    Mutation(
        "lend a connection again on which something is left of an answer",
        f"{BACKENDS}/connection.py",
        ' or self._h11.trailing_data != (b"", False) or not self._clear:\n',
        " or not self._clear:\n",
        seeds=0,
        tests=("tests/server/backends/test_connections.py",),
    ),
    Mutation(
        "lend a connection again whose last answer announced a body that it can't have",
        f"{BACKENDS}/connection.py",
        "self._clear = self._clear and not self._announces_too_much(response)\n",
        "pass\n",
        seeds=0,
        tests=("tests/server/backends/test_connections.py",),
    ),
    Mutation(
        "lend a connection again on which something came in while it was idle",
        f"{BACKENDS}/connections.py",
        "                if each[1].is_quiet():\n",
        "                if True:\n",
        seeds=0,
        tests=("tests/server/backends/test_connections.py",),
    ),
    Mutation(
        "call a write failed whose good answer can't be read",
        f"{SERVER}/tools/http/answers.py",
        "        if self.effects is Effects.READ:\n            raise ToolFailed(text)\n",
        "        if True:\n            raise ToolFailed(text)\n",
        seeds=0,
        tests=("tests/server/tools/http/test_answers.py",),
    ),
    # Policy decides about what the tool gets
    Mutation(
        "let a deny rule look at the written form of arguments only",
        CASE,
        "return fits or ((whole := self.whole) is not None and tool_rule.matches(whole))\n",
        "return fits\n",
        seeds=0,
        tests=("tests/server/policy/test_left_out.py",),
    ),
    Mutation(
        "let an allow rule look at the written form of arguments only",
        CASE,
        "return fits and ((given := self.given) is None or tool_rule.matches(given))\n",
        "return fits\n",
        seeds=0,
        tests=("tests/server/tools/test_meanings.py",),
    ),
    Mutation(
        "take a group for an entity because of one odd member",
        READING,
        "            found = self.entities(entities, shown(holder))\n            holders[name]",
        "            found = self.entities(entities, shown(holder))\n"
        "            if not all(map(is_entity, found)):\n"
        "                continue\n"
        "            holders[name]",
        seeds=0,
        tests=("tests/server/tools/home_assistant/test_odd_houses.py",),
    ),
    Mutation(
        "take a group for an entity once it is not told of",
        f"{SERVER}/tools/home_assistant/house.py",
        "            holders = kept | {name: (held, asked_at)",
        "            holders = {name: (held, asked_at)",
        seeds=0,
        tests=("tests/server/tools/home_assistant/test_house.py",),
    ),
    # What may not be seen is not told by another way
    Mutation(
        "tell the history of what may not be read",
        f"{SERVER}/policy/rules.py",
        "        if seen is None and tool in STATE_READERS and",
        "        if seen is None and tool == STATE_READER and",
        seeds=0,
        tests=("tests/server/policy/test_state_readers.py",),
    ),
    Mutation(
        "let a filter of states tell how a denied entity is",
        f"{HOUSE}/states.py",
        "        placed = [state for state in everything if filters.place(state)]\n",
        "        placed = [s for s in everything if filters.place(s) and filters.looks(s)]\n",
        seeds=0,
        tests=("tests/server/tools/home_assistant/test_states.py",),
    ),
    Mutation(
        "let the words of the logbook name what is denied",
        f"{HOUSE}/mentions.py",
        " if may_be_told(row, shows, hidden)]\n",
        "]\n",
        seeds=0,
        tests=("tests/server/tools/home_assistant/test_records.py",),
    ),
    # People, and who comes in
    Mutation(
        "let a used one-time code end the row of wrong ones",
        CODES,
        "            return\n        pause = approver.add_wrong(rid, now)\n",
        "            return\n"
        "        if step is not None:\n"
        "            approver.use(approver.used_upto, rid)\n"
        "        pause = approver.add_wrong(rid, now)\n",
        seeds=0,
        tests=("tests/server/approvals/test_codes.py",),
    ),
    Mutation(
        "take a one-time code twice",
        CODES,
        "        if step is not None and step > approver.used_upto:\n",
        "        if step is not None:\n",
        seeds=0,
        tests=("tests/server/approvals/test_codes.py",),
    ),
    Mutation(
        "serve a request for any host",
        f"{PROTO}/wire/heads.py",
        "    if not may_be_ours(host, doors.hosts):\n",
        "    if False:\n",
        seeds=0,
        tests=("tests/proto/wire/test_heads.py",),
    ),
    Mutation(
        "refuse a right token for the wrong ones of others at its address",
        f"{SERVER}/gate/authenticator.py",
        "        if principal is not None:\n"
        "            return self.seat(peer, principal) or principal\n",
        "        late = self._throttle.queue(peer.address, self.monotonic(), -1.0)\n"
        "        if principal is not None and not late:\n"
        "            return self.seat(peer, principal) or principal\n",
        seeds=0,
        tests=(
            f"{HOSTILE}::test_guessing_tokens_is_stopped_and_the_right_token_is_let_in_all_the_same",
        ),
    ),
    Mutation(
        "believe whoever says that it asks for somebody else",
        f"{PROTO}/wire/forwarded.py",
        "    while address is not None and hops and is_trusted(address, trusted):\n",
        "    while address is not None and hops:\n",
        seeds=0,
        tests=("tests/proto/wire/test_forwarded.py",),
    ),
    Mutation(
        "let a ticket be good twice",
        f"{PROTO}/faces/tickets.py",
        "        ticket = self._forget(key_of(secret))\n",
        "        ticket = self._tickets.get(key_of(secret))\n",
        seeds=0,
        tests=("tests/proto/faces/test_tickets.py",),
    ),
    Mutation(
        "serve one connection until nothing is left of what came",
        f"{SERVER}/sockets/peer.py",
        "            if now > until and not self.over:\n",
        "            if False:\n",
        seeds=0,
        tests=("tests/server/sockets/test_turns.py",),
    ),
    Mutation(
        "give an old client that asked much what a former process asked",
        f"{PROTO}/ledger/links.py",
        "            and request_id < self._own_from\n",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_collecting.py",),
    ),
    # What is said to be in force is
    Mutation(
        "share a database with a gateway that has it under another name",
        f"{SERVER}/store/files.py",
        '                if sys.platform == "linux" and kind_of(self.path, mounted) not in',
        "                if kind_of(self.path, mounted) in",
        seeds=0,
        tests=("tests/server/store/test_files.py",),
    ),
    Mutation(
        "read a page of records however large they are",
        f"{PROTO}/records/storage.py",
        "        if size > bytes_max:\n",
        "        if False:\n",
        seeds=0,
        tests=("tests/proto/records/test_storage.py",),
    ),
    Mutation(
        "reload, and serve the certificate of before",
        f"{SERVER}/renewing.py",
        "            certificate.renew()\n",
        "            pass\n",
        seeds=0,
        tests=("tests/server/gate/test_renewing.py",),
    ),
    Mutation(
        "keep the head of the audit in place of those that were kept",
        HEADS,
        "os.O_CREAT | os.O_APPEND |",
        "os.O_CREAT | os.O_TRUNC |",
        seeds=0,
        tests=("tests/server/audit/test_heads.py",),
    ),
    Mutation(
        "keep heads of a log that is not the one which was kept",
        HEADS,
        "        head_file = beside\n",
        "        pass\n",
        seeds=0,
        tests=("tests/server/audit/test_heads.py",),
    ),
)
