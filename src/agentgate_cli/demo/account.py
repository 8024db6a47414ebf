"""The account that the demo gives: what was asked, which rule decided, who answered, the end."""

from __future__ import annotations

from typing import Any

from agentgate_cli.demo.scenes import Scene, states_in
from agentgate_cli.demo.stage import Stage
from agentgate_cli.style import bad, bold, dim, good, say, warn
from agentgate_cli.text import compact, plural, printable

LABEL_CHARS = 10
EXTRA_MISSING = "pip install 'agent-gate[telegram]' to be asked there; the terminal asks instead"


def fact(label: str, text: str) -> None:
    """Say one thing about a scene."""
    say(f"   {dim(f'{label:<{LABEL_CHARS}}')} {text}")


def opening(stage: Stage, *, keep: bool) -> None:
    """Say what is there before the first scene."""
    folder, listening = stage.folder, stage.listening
    say(bold("agent-gate: an agent asks, a policy and a person decide, the tool runs once"))
    say()
    fate = "kept afterwards" if keep else "removed afterwards; --keep leaves it"
    fact("folder", f"{folder}  {dim(fate)}")
    tools = plural(listening["tools"], "tool")
    fact("house", f"{stage.house.url}  {dim('make-believe, speaks the API of Home Assistant')}")
    fact("phone", where_telegram_is(stage))
    what = f"{listening['url']}, {tools}, SQLite"
    fact("gateway", f"{what}  {dim('pid ' + str(listening['pid']))}")
    fact("agent", f"a process of its own, with the SDK  {dim(f'pid {stage.agent.pid}')}")
    fact("policy", "permissions.yaml")
    lines = (folder / "permissions.yaml").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        say(dim(f"   {number:>{LABEL_CHARS}}  {line}"))


def where_telegram_is(stage: Stage) -> str:
    """Say where the phone's Telegram is, or how to get it."""
    if stage.phone is None:
        return f"none: {dim(EXTRA_MISSING)}"
    return f"{stage.phone.url}  {dim('make-believe, speaks the Bot API of Telegram')}"


def title(number: int, scene: Scene) -> None:
    """Begin a scene."""
    say()
    say(f"{number}  {bold(scene.title)}")
    fact("asked", f"{scene.tool} {compact(scene.args)}")


def ruled(verdict: str, rule: str, words: str) -> None:
    """Say which rule decided."""
    colour = {"allow": good, "deny": bad}.get(verdict, warn)
    fact("rule", f"{colour(verdict)}: {printable(words)}  {dim(printable(rule))}")


def answered(approved: bool, by: str, channel: str, scripted: bool) -> None:
    """Say who answered what."""
    word = good("yes") if approved else bad("no")
    whose = "  " + dim("the script's answer") if scripted else ""
    fact("answer", f"{word}, by {printable(by)} ({printable(channel)}){whose}")


def screen(lines: list[str], buttons: list[str]) -> None:
    """Show what the phone shows."""
    if buttons:
        lines = [*lines, "  ".join(f"[ {label} ]" for label in buttons)]
    for number, line in enumerate(lines):
        fact("" if number else "phone", f"{dim('│')} {printable(line)}")


def outcome(report: dict[str, Any]) -> None:
    """Say what the agent heard in the end: a report of its own, or a row that it collected."""
    if "data" in report:
        states = (f"{name} is {state}" for name, state in states_in(report["data"]).items())
        fact("end", f"executed: {printable(', '.join(states))}")
    else:
        error = report.get("error", report)
        fact("end", f"{printable(error['message'])}  {dim(str(error['code']))}")


def judged(problems: list[str], right: str) -> None:
    """Say whether everything was as it must be."""
    if not problems:
        say(f"   {good('✓')} {right}")
    for problem in problems:
        say(f"   {bad('✗ ' + problem)}")


def closing(count: int, right: int, seconds: float) -> None:
    """Say how it went as a whole."""
    say()
    if right == count:
        say(good(f"all {count} ended as they must") + dim(f"  {seconds:.1f} s"))
    else:
        say(bad(f"{count - right} of {count} ended wrong") + dim(f"  {seconds:.1f} s"))
