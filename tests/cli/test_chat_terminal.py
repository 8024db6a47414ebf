"""``agent-gate chat`` at a terminal: what a person sees, is asked, and can stop."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.looking import Looking, looking
from tests.cli.rehearsed import SESSIONS, agent_of, both_of, write_rehearsal
from tests.cli.support import BOUND_S, Served, write_files

QUESTION = "approve? [y]es, [N]o:"
DRAWING = set("mlhAKGCDJPH@")
"""What rich and readline write to draw: styles, modes, the cursor, lines erased."""

PASTING = {b"\x1b[?2004h", b"\x1b[?2004l"}
"""What readline writes so that what is pasted can be told from what is typed."""


@contextmanager
def chatting(
    gateway: Served, *args: str, columns: int = 80, rows: int = 40, **more: str
) -> Iterator[Looking]:
    """Have a person in a talk."""
    variables = {**agent_of(gateway), **more}
    with looking(
        "chat", *args, cwd=gateway.folder, columns=columns, rows=rows, **variables
    ) as person:
        person.see("Ctrl-D leaves")
        yield person


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[Served]:
    """A gateway with the scenes that the test may kill."""
    write_rehearsal(tmp_path)
    served = Served(tmp_path)
    served.start()
    yield served
    served.kill()


def test_an_answer_is_drawn_as_markdown_once_with_what_it_took(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("markdown\n")
        person.see("out · $0.00")
        for text in (
            "Some lamps are on, see there (http://lamps.example/list).",
            *("1 hall", "2 kitchen", "def lamps():", "return 2", "room lamp", "hall on"),
            "context 4",
        ):
            assert person.text.count(text) == 1, person.lines
        assert "**" not in person.text
        assert "```" not in person.text
        person.type("\x04")
        assert person.end() == 0


def test_an_attempt_that_failed_is_taken_off_the_screen(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("break once, at a terminal\n")
        person.see("alpha beta gamma delta")
        person.see("$0.00")
        assert "the model's answer broke off, what it said is withdrawn: too busy" in person.text
        assert person.text.count("alpha") == 1


def test_an_answer_that_is_higher_than_the_screen_is_there_whole_and_once(stage: Served) -> None:
    with chatting(stage, rows=12, columns=60) as person:
        person.type("long\n")
        person.see("$0.00")
        for number in range(25):
            assert person.text.count(f"Paragraph {number}:") == 1
            for word in range(20):
                assert person.text.count(f"w{number}x{word} ") == 1


def test_of_a_block_that_is_higher_than_the_screen_the_end_is_seen_while_it_grows(
    stage: Served,
) -> None:
    with chatting(stage, rows=8, columns=40) as person:
        person.type("slowly\n")
        person.see("s120 ")
        assert "s399" not in person.text
        assert "s0 s1 s2" not in person.text
        person.see("$0.00")
        assert person.text.count("s0 s1 s2") == 1
        assert person.text.count("s120 ") == 1


def test_a_line_without_an_end_is_drawn_in_pieces_and_loses_nothing(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("one line\n")
        person.see("end ▕")
        drawn = "".join(person.lines).split("> one line")[1].split("▕")[0]
        assert drawn.count("x") == 150_000


def test_nothing_of_a_models_reaches_the_terminal_as_a_command(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("evil\n")
        person.see("$0.00")
        assert (
            "before \\u001b[31mred\\u001b[0m \\u001b]0;title\\u0007 \\u202etxt.exe" in person.text
        )
        assert "<b>bold</b>" in person.text
        assert "<div>shown</div> after" in person.text
        person.type("fatal\n")
        person.see("wrong\\u001b[2J key")
        written = person.written.decode()
        assert set(re.findall(r"\x1b(\W)", written)) == {"["}
        assert set(re.findall(r"\x1b\[[0-9;?]*([A-Za-z])", written)) <= DRAWING
        assert re.search("[\x00-\x06\x0b\x0c\x0e-\x1a\x7f-\x9f\u200b\u202e]", written) is None


def test_thinking_is_dim_and_calls_stand_where_they_happen(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("think about lamps\n")
        person.see("I have thought about lamps")
        person.see("$0.00")
        assert re.search(rb"\x1b\[2;3m[^\x1b]*Only what was said: lamps", person.written)
        person.type('call get_temperature {"room": "kitchen"}\n')
        person.see("get_temperature answered: 21.0")
        seen = person.text
        call = seen.index('→ get_temperature {"room":"kitchen"}')
        result = seen.index("← get_temperature: executed 21.0")
        assert call < result < seen.index("get_temperature answered")


def test_an_approval_is_asked_inline_and_answered_with_y(stage: Served) -> None:
    with chatting(stage, **both_of(stage)) as person:
        person.type("light\n")
        person.see(QUESTION)
        assert "ask set_light(100, true, bedroom)" in person.text
        assert 'on = true room = "bedroom"' in person.text
        person.type("y\n")
        person.see("approved by owner (terminal) at ")
        person.see("← set_light: executed")
        person.see("The light is on.")
        assert stage.waiting_ids() == []


@pytest.mark.parametrize("answer", ["\n", "n\n", "what?\nNO\n"])
def test_no_is_what_enter_says(stage: Served, answer: str) -> None:
    with chatting(stage, **both_of(stage)) as person:
        person.type("light\n")
        for asked, line in enumerate(answer.splitlines(keepends=True), 1):
            person.see(QUESTION, asked)
            person.type(line)
        person.see("denied by owner (terminal)")
        person.see("No light: Denied by user")


def test_what_was_typed_before_the_question_answers_nothing(stage: Served) -> None:
    with chatting(stage, **both_of(stage)) as person:
        person.type("slowly\n")
        person.see("s5 ")
        person.interrupt()
        person.see("cancelled")
        person.type("light\ny\n")
        person.see(QUESTION)
        person.type("n\n")
        person.see("denied by owner")


def test_an_answer_from_elsewhere_takes_the_question_away(stage: Served) -> None:
    with chatting(stage, **both_of(stage)) as person:
        person.type("light\n")
        person.see(QUESTION)
        stage.decide(stage.waiting_ids()[0], "approve")
        person.see("approved by watcher (http) at ")
        person.see("The light is on.")
        person.see("$0.00")
        person.type("/usage\n")
        person.see("prices")


def test_ctrl_d_leaves_a_question_open_and_ctrl_c_withdraws_it(stage: Served) -> None:
    with chatting(stage, **both_of(stage)) as person:
        person.type("light\n")
        person.see(QUESTION)
        person.type("\x04")
        person.see("left open; later: agent-gate approvals approve ")
        assert len(stage.waiting_ids()) == 1
        person.interrupt()
        person.see("cancelling; Ctrl-C again leaves")
        person.see("set_light: cancelled")
        person.see("$0.00 >")
        assert stage.waiting_ids() == []
        person.type("light\n")
        person.see(QUESTION, times=2)
        person.interrupt()
        person.see("$0.00 >", times=2)
        assert stage.waiting_ids() == []


def test_who_may_not_answer_sees_who_is_asked_and_what_they_said(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("light\n")
        person.see("agent-gate approvals approve ")
        assert QUESTION not in person.text
        stage.decide(stage.waiting_ids()[0], "deny")
        person.see("answered by watcher (http)")
        person.see("No light: Denied by user")


def test_ctrl_c_cancels_the_run_the_talk_goes_on_and_two_of_them_leave(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("slowly\n")
        person.see("s5 ")
        person.interrupt()
        person.see("cancelling; Ctrl-C again leaves")
        person.see("cancelled ▕")
        assert "s399" not in person.text
        person.see("$0.00 >")  # what is typed before the prompt is there is shown before it, too
        person.type("What is 2 + 3?\n")
        person.see("2 + 3 = 5.")
        person.see("$0.00 >", times=2)
        person.interrupt()
        person.see("Ctrl-C again, or /quit, leaves")
        person.interrupt()
        assert person.end() == 130
        assert "Traceback" not in person.text


def test_a_tool_that_still_runs_after_a_cancel_is_named(tmp_path: Path) -> None:
    write_rehearsal(tmp_path, permissions={"rules": [{"pattern": "*", "action": "allow"}]})
    served = Served(tmp_path)
    served.start(HOUSE_DELAY_S="600")
    try:
        with chatting(served) as person:
            person.type("unlock\n")
            person.see("→ unlock_door")
            end = time.monotonic() + BOUND_S
            while served.starts("unlock_door") == 0:
                assert time.monotonic() < end
                time.sleep(0.01)
            person.interrupt()
            person.see("still running: unlock_door")
            person.see("← unlock_door: ")
            person.see("cancelled")
    finally:
        served.kill()


def test_a_gateway_that_restarts_is_waited_for_and_the_talk_goes_on(frail: Served) -> None:
    with chatting(frail) as person:
        person.type("slowly\n")
        person.see("s5 ")
        frail.kill()
        person.see("trying again")
        frail.start()
        person.see("connected again")
        person.see("interrupted: the gateway was stopped")
        person.type("What is 2 + 3?\n")
        person.see("2 + 3 = 5.")


def test_two_of_them_leave_although_the_gateway_is_away(frail: Served) -> None:
    with chatting(frail) as person:
        person.type("slowly\n")
        person.see("s5 ")
        frail.kill()
        person.see("trying again")
        person.interrupt()
        person.see("cancelling; Ctrl-C again leaves")
        person.interrupt()
        assert person.end() == 130
        assert "Traceback" not in person.text


def test_what_comes_while_somebody_types_waits_until_they_have(frail: Served) -> None:
    with chatting(frail) as person:
        person.see("leaves >")
        person.type("hel")
        person.see("> hel")
        frail.kill()
        frail.start()
        person.type("lo\n")
        person.see("You said: hello")
        assert "> hello" in person.text


def test_a_gateway_that_no_longer_knows_the_token_ends_the_talk(tmp_path: Path) -> None:
    write_rehearsal(tmp_path)
    served = Served(tmp_path)
    served.start()
    with chatting(served) as person:
        served.kill()
        write_rehearsal(tmp_path, agent={"token": "another-token-0123456789abc"})
        served.start()
        person.type("hello\n")
        person.see("Error: Invalid token: the gateway does not know it")
        assert person.end() == 3
    served.kill()


def test_a_budget_asks_like_a_tool(tmp_path: Path) -> None:
    budget = {"name": "daily", "per": "day", "usd": 0.01, "model": "dear", "over": "ask"}
    write_rehearsal(tmp_path)
    write_files(tmp_path, sessions={**SESSIONS, "budgets": [budget]})
    served = Served(tmp_path)
    served.start()
    with chatting(served, "--model", "dear", **both_of(served)) as person:
        person.type("hello\n")
        person.see("ask exceed_budget")
        person.see(QUESTION)
        person.type("y\n")
        person.see("You said: hello")
        person.type("hello again\n")
        person.see(QUESTION, times=2)
        person.type("\n")
        person.see("over budget: Denied by user")
    served.kill()


def test_the_commands_do_what_help_says(stage: Served) -> None:
    with chatting(stage) as person:
        person.type("/help\n")
        person.see("/attach ID")
        person.type("my name is Ann\n")
        person.see("$0.00 >")
        person.type("/inspect And now?\n")
        person.see("system_prompt")
        person.see("together")
        person.type("/usage\n")
        person.see("prices")
        person.type("/model\n")
        person.see("brief")
        person.type("/model nope\n")
        person.see("there is no model nope")
        person.type("/model brief\n")
        person.see("brief answers from now on")
        person.type("/new\n")
        person.type("/sessions\n")
        person.see("messages last")
        person.type("/attach\n")
        person.see("which one?")
        person.type("/attach nope\n")
        person.see("Session not found")
        person.type("/nope\n")
        person.see("there is no /nope")
        person.type("first \\\nsecond\n")
        person.see("You said: first second")
        person.type("/quit\n")
        assert person.end() == 0


def test_a_run_that_is_under_way_is_shown_from_its_beginning(stage: Served) -> None:
    with chatting(stage) as one:
        one.type("light\n")
        one.see("agent-gate approvals approve ")
        with chatting(stage, "--continue", **both_of(stage)) as other:
            other.see(QUESTION)
            other.type("y\n")
            other.see("The light is on.")
            one.see("The light is on.")


@pytest.mark.parametrize("columns", [30, 40, 120])
def test_it_fits_where_it_is_shown(stage: Served, columns: int) -> None:
    with chatting(stage, columns=columns) as person:
        person.type("markdown\n")
        person.see("$0.00")
        person.type("/help\n")
        person.see("/quit")
        person.type("/inspect\n")
        person.see("context")
        for line in person.lines:
            assert len(line) <= columns


def test_without_colours_there_are_none(stage: Served) -> None:
    with chatting(stage, NO_COLOR="1") as person:
        person.type("markdown\n")
        person.see("$0.00")
        person.type("/inspect\n")
        person.see("together")
        styles = set(re.findall(rb"\x1b\[([0-9;]*)m", person.written))
        assert {number for style in styles for number in style.split(b";")} <= {
            *(b"", b"0", b"1", b"2", b"3", b"4"),
        }


def test_a_terminal_that_can_t_draw_gets_lines(stage: Served) -> None:
    with chatting(stage, TERM="dumb") as person:
        person.type("markdown\n")
        person.see("| hall | on |")
        assert set(re.findall(rb"\x1b\[[0-9;?]*[A-Za-z]", person.written)) <= PASTING


def test_in_this_process_it_is_you_who_is_asked(tmp_path: Path) -> None:
    write_files(tmp_path)
    with looking("chat", cwd=tmp_path) as person:
        person.see("in this process, with config.yaml")
        person.type('call set_light {"room": "bedroom", "on": true}\n')
        person.see(QUESTION)
        person.type("y\n")
        person.see("approved by ")
        person.see("← set_light: executed")
        person.see("$0.00 >")
        person.type("\x04")
        assert person.end() == 0


def test_a_terminal_that_hangs_up_ends_it_and_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    with looking("chat", cwd=tmp_path, TMPDIR=str(folder)) as person:
        person.see("Ctrl-D leaves")
        assert list(folder.iterdir())
        person.process.terminate()
        assert person.end() == 130
        assert list(folder.iterdir()) == []
