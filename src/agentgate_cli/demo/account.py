"""The account that the demo gives: what was asked, which rule decided, who answered, the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agentgate_cli.demo.scenes import Scene
from agentgate_cli.style import bad, bold, dim, good, say, warn
from agentgate_cli.text import compact, plural, printable

LABEL_CHARS = 10


def fact(label: str, text: str) -> None:
    """Say one thing about a scene."""
    say(f"   {dim(f'{label:<{LABEL_CHARS}}')} {text}")


def opening(folder: Path, listening: dict[str, Any], agent_pid: int, *, keep: bool) -> None:
    """Say what is there before the first scene."""
    say(bold("agent-gate: an agent asks, a policy and a person decide, the tool runs once"))
    say()
    fate = "kept afterwards" if keep else "removed afterwards; --keep leaves it"
    fact("folder", f"{folder}  {dim(fate)}")
    tools = plural(listening["tools"], "tool")
    what = f"{listening['url']}, {tools} of a make-believe house, SQLite"
    fact("gateway", f"{what}  {dim('pid ' + str(listening['pid']))}")
    fact("agent", f"a process of its own, with the SDK  {dim(f'pid {agent_pid}')}")
    fact("policy", "permissions.yaml")
    lines = (folder / "permissions.yaml").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        say(dim(f"   {number:>{LABEL_CHARS}}  {line}"))


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


def outcome(report: dict[str, Any]) -> None:
    """Say what the agent heard in the end: a report of its own, or a row that it collected."""
    if "data" in report:
        fact("end", f"executed: {compact(report['data'])}")
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
