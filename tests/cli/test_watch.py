"""``agent-gate approvals watch``: at a terminal, and without one."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from tests.cli.support import (
    BOUND_S,
    OWNER_TOKEN,
    AtTerminal,
    Served,
    at_terminal,
    ended,
    started,
)
from tests.cli.test_prompt import approval

from agentgate_cli.terminal import Terminal
from agentgate_cli.watch import Watch

QUESTION = "approve? [y]es, [n]o, [e]dit, [g]rant, [s]kip: "


@contextmanager
def watching(gateway: Served) -> Iterator[AtTerminal]:
    """Have the approver's terminal."""
    variables = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OWNER_TOKEN}
    with at_terminal("approvals", "watch", **variables) as terminal:
        terminal.see("watching as ")
        yield terminal


def test_an_ask_is_shown_with_all_that_matters_and_answered_with_y(gateway: Served) -> None:
    with watching(gateway) as terminal:
        call = gateway.calling("set_light", "room=bedroom", "on=true")
        for text in (
            *("ask", "set_light", "on = true", 'room = "bedroom"', "agent"),
            *("Lights are asked about (permissions.yaml:", "asked 0 s ago, expires in 15 min"),
            QUESTION,
        ):
            terminal.see(text)
        terminal.type("y\n")
        terminal.see("approved")
        terminal.see("by owner (terminal) at ")
        terminal.see("set_light: ")
        terminal.see("done")
        assert ended(call)[0] == 0


def test_n_denies_s_skips_and_anything_else_is_asked_again(gateway: Served) -> None:
    first = gateway.calling("set_light", "room=bedroom", "on=true")
    second = gateway.calling("set_light", "room=kitchen", "on=true")
    with watching(gateway) as terminal:
        terminal.see('room = "bedroom"')
        terminal.see("1 more waits behind it")
        terminal.see(QUESTION)
        terminal.type("maybe\n")
        terminal.see(QUESTION)
        terminal.type("s\n")
        terminal.see("skipped ")
        terminal.see("it comes back after what else waits")
        terminal.see('room = "kitchen"')
        terminal.see(QUESTION)
        terminal.type("NO\n")
        terminal.see("denied")
        assert ended(second)[0] == 1
        terminal.see('room = "bedroom"')
        terminal.see(QUESTION)
        (rid,) = gateway.waiting_ids()
        gateway.decide(rid, "deny")
        terminal.see("set_light: ")
        terminal.see("by watcher (http)")
    assert ended(first)[0] == 1


def test_somebody_else_s_answer_takes_the_question_away(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        (rid,) = gateway.waiting_ids()
        gateway.decide(rid, "approve")
        terminal.see("set_light: ")
        terminal.see("approved")
        terminal.see("by watcher (http) at ")
    assert ended(call)[0] == 0


def test_a_caller_that_gives_up_takes_the_question_away(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        call.send_signal(signal.SIGINT)
        terminal.see("withdrawn")
        terminal.see("by the agent")
    ended(call)


def test_what_was_typed_before_the_question_answers_nothing(gateway: Served) -> None:
    with watching(gateway) as terminal:
        terminal.type("y\n")
        call = gateway.calling("set_light", "room=bedroom", "on=true")
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
    assert ended(call)[0] == 1


def test_what_was_typed_for_a_question_that_went_answers_not_the_next(gateway: Served) -> None:
    first = gateway.calling("set_light", "room=bedroom", "on=true")
    second = gateway.calling("set_light", "room=kitchen", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.type("y")
        gateway.decide(gateway.waiting_ids()[0], "deny")
        terminal.see("by watcher (http)")
        terminal.see(QUESTION)
        terminal.type("\n")
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
    assert [ended(call)[0] for call in (first, second)] == [1, 1]


def test_a_question_that_took_another_s_place_takes_a_fresh_answer(gateway: Served) -> None:
    """An agent swaps what it asks at the moment when the person types."""
    first = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        second = gateway.calling("set_light", "room=kitchen", "on=true")
        first.send_signal(signal.SIGINT)
        terminal.see("withdrawn")
        terminal.see('room = "kitchen"')
        terminal.see("this is another request")
        for _ in range(3):
            terminal.type("y\n")
            assert not terminal.sees(QUESTION, within_s=1.0), "a key was pressed a moment ago"
        assert len(gateway.waiting_ids()) == 1, "none of these counted"
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
    ended(first)
    assert ended(second)[0] == 1


def test_the_asks_of_one_agent_do_not_push_another_s_back() -> None:
    watch = Watch(Terminal.__new__(Terminal))
    for number, agent in enumerate(["evil", "evil", "evil", "honest"]):
        watch.changed(approval({}, id=str(number), agent=agent))
    order = []
    while watch.waiting:
        view = anyio.run(watch.next_view)
        assert view is not None
        del watch.waiting[view.id]
        order.append(view.agent)
    assert order == ["evil", "honest", "evil", "evil"]


def test_a_gateway_that_restarts_is_waited_for_and_the_ask_is_still_there(mortal: Served) -> None:
    call = mortal.calling("set_light", "room=bedroom", "on=true")
    with watching(mortal) as terminal:
        terminal.see(QUESTION)
        terminal.type("y")
        mortal.kill()
        terminal.see("trying again")
        mortal.start()
        terminal.see("connected again")
        terminal.see('room = "bedroom"')
        terminal.see(QUESTION)
        terminal.type("y\n")
        terminal.see("approved")
        terminal.see("done")
    assert ended(call)[0] == 0
    assert mortal.starts("set_light") == 1


def test_ctrl_c_and_ctrl_d_end_it_and_leave_the_ask_waiting(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.type("\x04")
        assert terminal.end() == 0
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.interrupt()
        assert terminal.end() == 130
        assert "Traceback" not in terminal.shown
    (rid,) = gateway.waiting_ids()
    gateway.decide(rid, "deny")
    assert ended(call)[0] == 1


def test_without_a_terminal_each_change_is_a_line(gateway: Served) -> None:
    variables = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OWNER_TOKEN}
    text = started("approvals", "watch", **variables)
    rows = started("approvals", "watch", "--json", **variables)
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    assert text.stdout is not None
    assert rows.stdout is not None
    waiting = json.loads(rows.stdout.readline())
    line = text.stdout.readline()
    args = '{"brightness":100,"on":true,"room":"bedroom"}'
    assert line.startswith(f"waiting   {waiting['id']}  set_light {args}")
    assert waiting["status"] == "waiting"
    gateway.decide(waiting["id"], "deny")
    denied = json.loads(rows.stdout.readline())
    assert (denied["id"], denied["status"]) == (waiting["id"], "denied")
    assert text.stdout.readline().startswith(f"denied    {waiting['id']}  set_light")
    for process in (text, rows):
        process.send_signal(signal.SIGTERM)
        assert ended(process) == (130, "", "")
    assert ended(call)[0] == 1


def test_a_reader_that_goes_away_ends_a_watch_quietly(gateway: Served) -> None:
    watch = started("approvals", "watch", AGENT_GATE_URL=gateway.url, AGENT_GATE_TOKEN=OWNER_TOKEN)
    assert watch.stdout is not None
    assert watch.stderr is not None
    gateway.calling("set_light", "room=bedroom", "on=true")
    watch.stdout.readline()
    watch.stdout.close()
    gateway.decide(gateway.waiting_ids()[0], "deny")
    assert watch.wait(BOUND_S) == 1
    assert watch.stderr.read() == ""


def test_g_gives_a_grant_after_its_words_were_read(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.type("g\n")
        terminal.see("for how long?")
        terminal.type("forever\n")
        terminal.see("not taken")
        terminal.see("for how long?")
        terminal.type("15m 20x\n")
        terminal.see("which of them may differ? brightness, on, room;")
        terminal.type("brightnes\n")
        terminal.see("there is no argument brightnes")
        terminal.see("Enter: none: ")
        terminal.type("brightness, on\n")
        terminal.see("agent may call set_light with room=bedroom, any brightness, any on, until ")
        terminal.see("do you mean that?")
        terminal.type("y\n")
        terminal.see("approved")
        terminal.see("end it with: agent-gate grants revoke ")
        assert ended(call)[0] == 0
        covered = gateway.as_agent("call", "set_light", "room=bedroom", "on=false")
        assert covered.returncode == 0
    (row,) = json.loads(gateway.as_owner("grants", "list", "--json").stdout)["grants"]
    gateway.as_owner("grants", "revoke", row["id"])


def test_a_grant_that_is_not_meant_is_a_question_again(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.type("g\n")
        terminal.see("for how long?")
        terminal.type("\n")
        terminal.see(QUESTION)
        terminal.type("g\n")
        terminal.see("for how long?")
        terminal.type("5x\n")
        terminal.see("which of them may differ?")
        terminal.type("\n")
        terminal.see("do you mean that?")
        terminal.type("n\n")
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
    assert ended(call)[0] == 1


def test_what_was_skipped_comes_back_with_enter(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    with watching(gateway) as terminal:
        terminal.see("\a")
        terminal.see(QUESTION)
        terminal.type("s\n")
        terminal.see("when you press Enter")
        terminal.type("\n")
        terminal.see(QUESTION)
        terminal.type("n\n")
        terminal.see("denied")
        terminal.type("\x04")
        assert terminal.end() == 0, "it is listened to between questions, too"
    assert ended(call)[0] == 1


def test_what_follows_a_yes_or_a_no_is_said_to_the_agent(gateway: Served) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true", "--json")
    with watching(gateway) as terminal:
        terminal.see(QUESTION)
        terminal.type("s later\n")
        terminal.see(QUESTION)
        terminal.type("No, not while They sleep\n")
        terminal.see("denied")
    code, out, _ = ended(call)
    assert code == 1
    assert "not while They sleep" in out
