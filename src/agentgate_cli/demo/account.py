"""The account that the demo gives: what was asked, which rule decided, who answered, the end."""

from __future__ import annotations

import sys
from typing import Any

from agentgate_cli.chat.words import cost_line, text_in
from agentgate_cli.demo.scenes import Plug, Scene, Talk, states_in
from agentgate_cli.demo.stage import Stage
from agentgate_cli.figures import bar
from agentgate_cli.inspect import LOOKS, parts_of
from agentgate_cli.style import bad, bold, dim, good, say, styled, warn
from agentgate_cli.tables import broken
from agentgate_cli.terminal import terminal_width
from agentgate_cli.text import compact, plural, printable
from agentgate_client import Inspection
from agentgate_server.extras import how_to_install

LABEL_CHARS = 10
INDENT_CHARS = 4
BAR_CHARS = 60
RESULT_CHARS = 70
"""Of what an MCP client is told: the house says more than fits a line."""

EXTRA_MISSING = "{} to be asked there; the terminal asks instead"


def fact(label: str, text: str) -> None:
    """Say one thing about a scene."""
    say(f"   {dim(f'{label:<{LABEL_CHARS}}')} {text}")


def asked(text: str) -> None:
    """Say what was asked for, in lines that are broken where JSON may be."""
    room = terminal_width() - LABEL_CHARS - INDENT_CHARS
    first, *rest = broken(text, room) if sys.stdout.isatty() else [text]
    fact("asked", first)
    for line in rest:
        fact("", line)


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
        return f"none: {dim(EXTRA_MISSING.format(how_to_install('telegram')))}"
    return f"{stage.phone.url}  {dim('make-believe, speaks the Bot API of Telegram')}"


def title(number: int, scene: Scene) -> None:
    """Begin a scene."""
    say()
    say(f"{number}  {bold(scene.title)}")
    asked(f"{scene.tool} {compact(scene.args)}")


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


def said(number: int, talk: Talk) -> None:
    """Begin a talk."""
    say()
    say(f"{number}  {bold(talk.title)}")
    fact("said", talk.text)


def conversed(kind: str, data: dict[str, Any]) -> None:
    """Tell of an event of a session; who is asked about a tool was told before."""
    match kind:
        case "thinking":
            fact("thinks", dim(printable(text_in(data, "text"))))
        case "reply":
            fact("model", printable(text_in(data, "text")))
        case "tool_call":
            asked(f"{printable(text_in(data, 'tool'))} {compact(data.get('args'))}")
        case "tool_result":
            told = ", ".join(f"{name} is {state}" for name, state in states_of(data))
            fact("told", f"{printable(text_in(data, 'status'))}{printable(told and f': {told}')}")
        case _:
            pass


def plug(number: int, scene: Plug) -> None:
    """Begin a plug."""
    say()
    say(f"{number}  {bold(scene.title)}")
    fact("asked", f"{scene.tool} {compact(scene.args)}")


def plugged(server: str, tools: int, pid: int) -> None:
    """Say what an MCP client is connected to."""
    there = f"{plural(tools, 'tool')} of {printable(server)}"
    fact("plug", f"client ── agent-gate mcp ── gateway: {there}  {dim(f'pid {pid}')}")


def progressed(words: str) -> None:
    """Say what an MCP client hears while it waits."""
    fact("progress", printable(words))


def told_by_mcp(result: dict[str, Any]) -> None:
    """Say what an MCP client hears in the end."""
    text = " ".join(part.get("text", "") for part in result.get("content", []))
    word = bad("isError") if result.get("isError") else good("result")
    shown = text if len(text) <= RESULT_CHARS else f"{text[:RESULT_CHARS]} …"
    fact("end", f"{word}: {printable(shown)}")


def states_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what the tool of a talk has reported, by entity."""
    return list(states_in(data.get("result")).items())


def context(inspection: Inspection) -> None:
    """Draw what the model would be sent next, by section."""
    fact("context", bar(parts_of(inspection), inspection.bytes, BAR_CHARS))
    for section in inspection.sections:
        glyph, colour = LOOKS[section.name.value]
        name = f"{styled(glyph, fg=colour)} {section.name.value:<13}"
        if section.bytes:
            fact("", f"{name} {section.bytes:>6,} bytes {section.tokens:>5,} tokens")


def cost(ended: dict[str, Any]) -> None:
    """Say what a run took."""
    fact("cost", f"{cost_line(ended)}  {dim('at the prices of config.yaml')}")


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
