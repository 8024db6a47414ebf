"""``agent-gate approvals watch``: ``e`` opens the arguments in the person's editor."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
from tests.cli.support import OWNER_TOKEN, AtTerminal, Served, at_terminal, ended
from tests.cli.test_prompt import approval
from tests.cli.test_watch import QUESTION

from agentgate_cli.answering import Given, Question, read_answer
from agentgate_cli.terminal import Terminal

MEANT = "do you mean that? [y]es, [n]o: "


@contextmanager
def editing(gateway: Served, folder: Path, *lines: str) -> Iterator[AtTerminal]:
    """Have the approver's terminal, and an editor that does this to the file ``$1``."""
    variables = {"AGENT_GATE_URL": gateway.url, "AGENT_GATE_TOKEN": OWNER_TOKEN}
    variables |= {"VISUAL": str(editor_in(folder, *lines)), "EDITOR": "false"}
    with at_terminal("approvals", "watch", cwd=None, **variables) as terminal:
        terminal.see("watching as ")
        yield terminal


def editor_in(folder: Path, *lines: str) -> Path:
    """Write an editor."""
    editor = folder / "editor"
    editor.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    editor.chmod(0o700)
    return editor


def test_e_edits_shows_the_difference_and_asks_once_more(gateway: Served, tmp_path: Path) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true", "--json")
    with editing(gateway, tmp_path, "sed -i 's/100/40/' \"$1\"") as terminal:
        terminal.see(QUESTION)
        terminal.type("e\n")
        terminal.see("set_light(40, true, bedroom)")
        terminal.see("brightness: 100 → 40")
        terminal.see(MEANT)
        terminal.type("n\n")
        terminal.see(QUESTION)
        terminal.type("e not so Bright\n")
        terminal.see(MEANT)
        terminal.type("y\n")
        terminal.see("approved")
        terminal.see("edited: brightness: 100 → 40, saying “not so Bright”")
        terminal.see("done")
    code, out, err = ended(call)
    assert (code, '"brightness":40' in out) == (0, True), out
    assert "not so Bright" in err


def test_what_can_not_be_an_edit_is_said_and_the_question_comes_again(
    gateway: Served, tmp_path: Path
) -> None:
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    steps = tmp_path / "step"
    tries = (
        f'n=$(cat {steps} 2>/dev/null); echo "x$n" > {steps}',
        'case "$n" in',
        "'') exit 0;;",
        "x) exit 3;;",
        'xx) echo nonsense > "$1";;',
        '*) sed -i \'s/100/"high"/\' "$1";;',
        "esac",
    )
    with editing(gateway, tmp_path, *tries) as terminal:
        for words in (
            "nothing was changed",
            "has ended with 3",
            "what was saved is no JSON object",
            "argument 'brightness': expected int, got str",
        ):
            terminal.see(QUESTION)
            terminal.type("e\n")
            terminal.see("no edit")
            terminal.see(words)
        terminal.see(QUESTION)
        terminal.type("y\n")
        terminal.see("approved")
    assert ended(call)[0] == 0


def test_who_edits_while_somebody_else_answers_hears_of_it_after(
    gateway: Served, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    call = gateway.calling("set_light", "room=bedroom", "on=true")
    lines = ("echo the editor is open", f"cat {gate}", "sed -i 's/100/40/' \"$1\"")
    with editing(gateway, tmp_path, *lines) as terminal:
        terminal.see(QUESTION)
        terminal.type("e\n")
        terminal.see("the editor is open")
        (rid,) = gateway.waiting_ids()
        gateway.decide(rid, "approve")
        assert ended(call)[0] == 0
        assert not terminal.sees("approved", within_s=0.5)
        gate.write_text("the editor closes\n")
        terminal.see("the editor closes")
        terminal.see("what you have made of it is not used")
        terminal.see("by watcher (http)")
        terminal.type("\x04")
        assert terminal.end() == 0


class Scripted(Terminal):
    """A terminal whose person types these lines."""

    def __init__(self, *lines: str) -> None:
        self.lines = iter(lines)

    async def answer(self, question: str, quiet_s: float = 0.0) -> str | None:
        return next(self.lines, None)


def test_what_takes_several_people_is_not_edited() -> None:
    view = approval({"n": 1}, approvers_needed=2)

    async def unused(view: Any) -> Any:
        raise AssertionError("no editor opens")

    client: Any = None
    question = Question(Scripted("e", "n do it otherwise"), view, client, unused)
    assert anyio.run(question.ask) == Given("deny", word="do it otherwise")


def test_a_word_may_follow_an_edit() -> None:
    assert read_answer("e") == ("edit", "")
    assert read_answer("Edit: softly, please") == ("edit", "softly, please")
