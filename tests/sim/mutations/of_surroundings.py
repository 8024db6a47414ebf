"""Bugs around the requests: our client, time, caps, retention, the audit, the end, the wire."""

from __future__ import annotations

from tests.sim.mutations.mutation import (
    BOOK,
    DECIDING,
    DELIVERY,
    LIFECYCLE,
    PROTO,
    SERVER,
    Mutation,
)

OF_SURROUNDINGS = (
    # Our client
    Mutation(
        "send again what is pending",
        BOOK,
        "            elif request_id in known:\n                if call.withdrawn:\n"
        "                    self._cancel(call)\n",
        "            elif request_id in known:\n                lost.append(call)\n",
        seeds=0,
        tests=("tests/proto/client/test_reconciliation.py",),
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
        tests=("tests/proto/client/test_call_book.py", "tests/proto/client/test_reconnect.py"),
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
        "        if reply.more and reply.results and not self._unclaimed.is_overfull:\n",
        "        if False:\n",
        seeds=0,
        tests=("tests/proto/client/test_reconciliation.py", "tests/proto/client/test_model.py"),
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
        f"{PROTO}/connection/base.py",
        "                if self.heard_at >= self._probed_at:\n                    self.timers.set",
        "                if self.heard_at >= self._probed_at:\n"
        "                    (lambda *_: None)",
        seeds=600,
    ),
    Mutation(
        "a timer that spins",
        f"{PROTO}/connection/base.py",
        "                    self._probed_at = self.now\n",
        "                    self._probed_at = self.now + 1e9\n",
        seeds=0,
        tests=("tests/proto/connection/test_base_keepalive.py",),
    ),
    Mutation(
        "never come back after a failed dial",
        f"{PROTO}/client/machine.py",
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
        "        if orphans.get(caller) is not None and not orphans:\n",
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
        f"{PROTO}/records/retention.py",
        "    return min(utc, max(paced, oldest))\n",
        "    return utc\n",
    ),
    Mutation(
        "delete beyond the cap what is oldest, whatever it keeps from running twice",
        f"{PROTO}/records/retention.py",
        "    guards = record.idempotency_key or record.outcome.status is Status.UNKNOWN\n"
        "    return Rank.GUARD if guards else Rank.RAN\n",
        "    return Rank.HARMLESS\n",
    ),
    Mutation(
        "divide the cap on rows by heads, not by need",
        f"{PROTO}/records/retention.py",
        "        share = fair_share(mine.values(), room)\n",
        "        share = room // (len(mine) or 1)\n",
        seeds=300,
        tests=("tests/proto/records/test_retention.py",),
    ),
    Mutation(
        "let a key go in the database as early as a write without one",
        f"{SERVER}/store/migrations.py",
        "OR status = 'unknown' THEN 2\n",
        "OR status = 'unknown' THEN 1\n",
        seeds=0,
        tests=("tests/server/store/test_retention.py",),
    ),
    Mutation(
        "say nothing of outcomes that go before their time",
        f"{SERVER}/store/retention.py",
        "            self._tell(now)\n",
        "            pass\n",
        seeds=0,
        tests=("tests/server/store/test_retention.py",),
    ),
    # The audit, and the end of a process
    Mutation(
        "leave the digest of what was allowed out of the audit",
        f"{PROTO}/audit/events.py",
        "        digest=record.digest,\n",
        '        digest=record.digest if asked else "",\n',
    ),
    Mutation(
        "drop the digest in the audit where a secret is masked",
        f"{SERVER}/secrets/masking.py",
        "            digest = seal.of_request(entry.rid, digest)\n",
        '            digest = ""\n',
        seeds=0,
        tests=("tests/server/secrets/test_masking.py",),
    ),
    Mutation(
        "seal what the audit hides in all requests alike",
        f"{PROTO}/audit/sealing.py",
        '        return self._digest(b"value", rid, place.encode(), value)\n',
        '        return self._digest(b"value", "", place.encode(), value)\n',
        seeds=0,
        tests=("tests/proto/audit/test_sealing.py",),
    ),
    Mutation(
        "hide what is asked where it equals what stands under a secret's name",
        f"{SERVER}/secrets/masking.py",
        "            args = msgspec.Raw(encode(found.shown))\n            signature",
        "            secrets = tuple(map(str, found.by_name.values()))\n"
        "            shown = self._hidden(found.shown, by_name=False, secrets=secrets)\n"
        "            args = msgspec.Raw(encode(shown))\n            signature",
        seeds=0,
        tests=("tests/server/secrets/test_masking.py",),
    ),
    Mutation(
        "leave those who joined out of the audit",
        f"{PROTO}/audit/events.py",
        "            entries += [ended_with(row, record) for row in joined]\n",
        "",
        seeds=300,
    ),
    Mutation(
        "tell the audit again of a start that was approved",
        f"{PROTO}/audit/events.py",
        '    if phase is Phase.APPROVED:\n        return answered(record, "request.approved")\n',
        '    if phase is Phase.APPROVED:\n        return later(record, "request.started")\n',
    ),
    Mutation(
        "start a tool when the gateway has stopped all of them",
        f"{SERVER}/gate/running.py",
        "        if self.closed:\n",
        "        if False:\n",
        seeds=0,
        tests=("tests/server/gate/test_running.py",),
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
        f"{PROTO}/connection/base.py",
        "SERVICE_RESTART = 1012\n",
        "SERVICE_RESTART = 1000\n",
    ),
    Mutation(
        "do not close the connections of a revoked token",
        f"{SERVER}/gate/authenticator.py",
        "        for peer in list(self.peers.values()):\n"
        "            principal = peer.connection.principal\n",
        "        for peer in ():\n            principal = peer.connection.principal\n",
        seeds=150,
    ),
    # Frames and codes
    Mutation(
        "take a text for a message of its own in the middle of a fragmented one",
        f"{PROTO}/wire/websocket.py",
        "            self._fragmented or len",
        "            len",
        seeds=0,
        tests=("tests/proto/wire/test_websocket.py",),
    ),
    Mutation(
        "forget the mask when a frame is measured",
        f"{PROTO}/wire/frames.py",
        "    return head + size + (4 if data[at + 1] & MASKED else 0)\n",
        "    return head + size\n",
        seeds=150,
        tests=("tests/proto/wire/test_frames.py",),
    ),
    Mutation(
        "mask all frames of a client with one key",
        f"{PROTO}/wire/client.py",
        "        key = self._masks.randbytes(4)\n",
        "        key = bytes(4)\n",
        seeds=0,
        tests=("tests/proto/wire/test_client.py",),
    ),
    Mutation(
        "take a handshake of any version",
        f"{PROTO}/wire/upgrade.py",
        "    if version != VERSION:\n",
        "    if not version:\n",
        seeds=0,
        tests=("tests/proto/wire/test_upgrade.py",),
    ),
    Mutation(
        "sleep on when the ledger wants to be woken sooner",
        f"{SERVER}/gate/gate.py",
        "        if self.ledger.next_deadline() != self._armed:\n            self.rearm()\n",
        "        pass\n",
        seeds=150,
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
