"""Bugs in what holds under pressure: the form that is bound, shares, caps, silence and doubts."""

from __future__ import annotations

from tests.sim.mutations.mutation import ADMISSION, DECIDING, PROTO, REJUDGING, SERVER, Mutation

QUOTAS = f"{PROTO}/quotas"
BOUND = "tests/proto/ledger/test_bound.py"
CONNECTIONS = "tests/proto/quotas/test_connections.py"
OUTPUT = "tests/proto/quotas/test_output.py"
TURNS = "tests/proto/quotas/test_turns.py"
MUTED = "tests/proto/ledger/test_muting.py"
NOTIFYING = "tests/proto/quotas/test_notifying.py"

OF_PRESSURE = (
    # What is seen is what runs
    Mutation(
        "approve by the digest of what is written",
        ADMISSION,
        "        digest = digest_of(asked.tool, args)\n    ",
        "    ",
        seeds=0,
        tests=(BOUND,),
    ),
    Mutation(
        "run a tool with what is written",
        ADMISSION,
        "        args = canonical_args(asked.bound)\n"
        "        digest = digest_of(asked.tool, args)\n",
        "        digest = digest_of(asked.tool, canonical_args(asked.bound))\n",
        seeds=0,
        tests=(BOUND,),
    ),
    Mutation(
        "run after a restart what would bind otherwise by now",
        f"{SERVER}/tools/tool.py",
        "            return False\n",
        "            return True\n",
        seeds=0,
        tests=("tests/server/tools/test_catalogue.py", "tests/server/tools/test_binding.py"),
    ),
    Mutation(
        "believe that every form reads back",
        f"{SERVER}/tools/binding.py",
        "        return form is not UNSAYABLE and is_same(self._read(name, form), form)\n",
        "        return form is not UNSAYABLE\n",
        seeds=0,
        tests=("tests/server/tools/test_binding.py", "tests/server/tools/test_one_form.py"),
    ),
    # Rates and sizes
    Mutation(
        "count requests and not their bytes",
        f"{QUOTAS}/rates.py",
        "        self.bytes.level -= size\n",
        "",
        seeds=0,
        tests=("tests/proto/quotas/test_rates.py",),
    ),
    Mutation(
        "refuse who holds little for what all hold",
        f"{QUOTAS}/held.py",
        "        if own + size > self.of_owner_max:\n",
        "        if self.total + size > self.of_owner_max:\n",
        seeds=0,
        tests=("tests/proto/quotas/test_held.py",),
    ),
    Mutation(
        "measure arguments without their defaults",
        f"{SERVER}/gate/calls.py",
        "self._too_large(tool, bound, len(encode(bound)))",
        "self._too_large(tool, args, size)",
        seeds=0,
        tests=("tests/server/gate/test_sizes.py",),
    ),
    Mutation(
        "let what hangs in one lane take every thread",
        f"{QUOTAS}/lanes.py",
        "        if threads <= (self.threads_max // RESERVED if own else 0):\n",
        "        if threads <= 0:\n",
        seeds=0,
        tests=("tests/proto/quotas/test_lanes.py",),
    ),
    # Time, places and output
    Mutation(
        "let strangers have all the time",
        f"{QUOTAS}/turns.py",
        "        return account.owner != STRANGERS or now >= self._strangers_done_by - BURST_S\n",
        "        return True\n",
        seeds=0,
        tests=(TURNS,),
    ),
    Mutation(
        "let newcomers wait for all that was there before",
        f"{QUOTAS}/turns.py",
        "        self.prefers_fresh = not self.prefers_fresh\n",
        "        self.prefers_fresh = False\n",
        seeds=0,
        tests=(TURNS,),
    ),
    Mutation(
        "let agents have the places of people",
        f"{QUOTAS}/connections.py",
        "        self.agents_max = all_max - all_max // 5\n",
        "        self.agents_max = all_max\n",
        seeds=0,
        tests=(CONNECTIONS,),
    ),
    Mutation(
        "let one principal have any number of connections",
        f"{QUOTAS}/connections.py",
        "        is_one_too_many = len(own) >= self.of_principal_max\n",
        "        is_one_too_many = False\n",
        seeds=0,
        tests=(CONNECTIONS,),
    ),
    Mutation(
        "cut who has little queued for who has much",
        f"{QUOTAS}/output.py",
        "            return max(others, key=total_of), OutputCap.ALL\n        if",
        "            return min(others, key=total_of), OutputCap.ALL\n        if",
        seeds=0,
        tests=(OUTPUT,),
    ),
    Mutation(
        "let agents queue what is for people",
        f"{QUOTAS}/output.py",
        "        if self._others > self._others_max:\n",
        "        if self._others > self._all_max:\n",
        seeds=0,
        tests=(OUTPUT,),
    ),
    Mutation(
        "cut the smallest of an owner's connections",
        f"{QUOTAS}/output.py",
        "        return max(self.by_connection, key=self.by_connection.__getitem__)\n",
        "        return min(self.by_connection, key=self.by_connection.__getitem__)\n",
        seeds=0,
        tests=(OUTPUT,),
    ),
    # What is kept
    Mutation(
        "keep no digest of what was denied and says too much",
        f"{PROTO}/records/cutting.py",
        "args_bytes=len(args), filled=None)\n",
        'args_bytes=len(args), filled=None, digest="")\n',
        seeds=0,
        tests=("tests/proto/records/test_cutting.py",),
    ),
    Mutation(
        "push out for one agent's rows those of whoever is there",
        f"{SERVER}/store/statements.py",
        "delivered = 1 AND rank = ? AND principal = ?\n",
        "delivered = 1 AND rank = ? AND principal <> ?\n",
        seeds=0,
        tests=("tests/server/store/test_retention.py",),
    ),
    Mutation(
        "open the door when one of two reasons is gone",
        f"{SERVER}/gate/door.py",
        "        self._why[part] = why\n",
        "        self._why = {part: why}\n",
        seeds=0,
        tests=("tests/server/gate/test_door.py",),
    ),
    # People
    Mutation(
        "ring for an agent as often as it asks",
        f"{QUOTAS}/notifying.py",
        "        agent.used_upto = max(agent.used_upto, now) + ",
        "        agent.used_upto = 0.0 * ",
        seeds=0,
        tests=(NOTIFYING,),
    ),
    Mutation(
        "ring first for the agent that rang last",
        f"{QUOTAS}/notifying.py",
        "        agent = min(ready, key=told_at)",
        "        agent = max(ready, key=told_at)",
        seeds=0,
        tests=(NOTIFYING,),
    ),
    Mutation(
        "ask people for an agent that is muted",
        DECIDING,
        "        return muted or self.withdrawals.objection(principal, now)\n",
        "        return self.withdrawals.objection(principal, now)\n",
        seeds=0,
        tests=(MUTED,),
    ),
    Mutation(
        "let an agent ask and withdraw for ever",
        DECIDING,
        "        return muted or self.withdrawals.objection(principal, now)\n",
        "        return muted\n",
        seeds=0,
        tests=("tests/proto/ledger/test_withdrawing.py",),
    ),
    Mutation(
        "let an agent's reads push the audit out",
        f"{PROTO}/ledger/denying.py",
        "        live.is_told = False\n",
        "",
        seeds=0,
        tests=("tests/proto/ledger/test_denying.py",),
    ),
    Mutation(
        "let an agent's share of the audit come anew each hour",
        f"{PROTO}/quotas/denials.py",
        "        within_s = self.at_once / self.per_day * DAY_S\n",
        "        within_s = HOUR_S\n",
        seeds=0,
        tests=("tests/proto/quotas/test_denials.py",),
    ),
    Mutation(
        "cut the audit before its time and say nothing",
        "agentgate_server/store/audit_rows.py",
        "                early.append(row)\n",
        "",
        seeds=0,
        tests=("tests/server/store/test_audit_rows.py",),
    ),
    Mutation(
        "foresee nothing of what a tool brings",
        f"{PROTO}/ledger/admission.py",
        "        live.size = record_bytes(record) + live.foreseen\n",
        "        live.size = record_bytes(record)\n",
        seeds=0,
        tests=("tests/proto/ledger/test_admission.py",),
    ),
    Mutation(
        "mute an agent for ever",
        f"{PROTO}/ledger/muting.py",
        "        if mute is None or mute.until <= now:\n",
        "        if mute is None:\n",
        seeds=0,
        tests=(MUTED,),
    ),
    Mutation(
        "forget at a restart who is muted",
        f"{PROTO}/ledger/muting.py",
        "        self._mutes = {mute.agent: mute for mute in mutes}\n",
        "        self._mutes = {mute.agent: mute for mute in mutes if not mute.until}\n",
        seeds=0,
        tests=(MUTED,),
    ),
    Mutation(
        "decide by a doubt and say no word of it",
        f"{SERVER}/policy/case.py",
        "        return replace(decision, why=why) if why else decision\n",
        "        return decision\n",
        seeds=0,
        tests=("tests/server/policy/test_doubts.py",),
    ),
    Mutation(
        "leave the doubt out of the record",
        REJUDGING,
        '    doubt = decision.doubt if decision.why else ""\n',
        '    doubt = ""\n',
        seeds=0,
        tests=("tests/proto/ledger/test_lifecycle.py",),
    ),
)
