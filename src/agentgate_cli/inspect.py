"""``agent-gate inspect``: what a model would be sent, down to the byte, and what that costs."""

from __future__ import annotations

import shutil
import sys
from textwrap import TextWrapper
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.figures import Part, bar, dollars, share
from agentgate_cli.finding import IdCommand, find_session, naming_model
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import bold, dim, say, say_json, styled, warn
from agentgate_cli.text import escape_json, printable, readable

if TYPE_CHECKING:
    from agentgate_client import Inspection

LOOKS = {
    "system_prompt": ("█", "blue"),
    "memory": ("▓", "magenta"),
    "skills": ("▒", "yellow"),
    "history": ("░", "green"),
    "tools": ("▞", "cyan"),
}
"""How each section is drawn: also without colours they can be told apart."""

ENVELOPE = ("─", "white")
"""What is in no section: braces, the model's name, parameters."""

WIDTH_MAX = 100
WIDTH_MIN = 20
NAME_CHARS = 13
WIDE_CHARS = 60
"""From so many characters a line on, there is room for all columns."""


@click.command(cls=IdCommand)
@click.argument("session")
@click.option("--text", default="", help="With this as the next message.")
@click.option("--model", default="", metavar="NAME", help="For another model than the session's.")
@click.option("--content", is_flag=True, help="Show the text of each section, too.")
@click.option("--body", is_flag=True, help="Print the request itself, byte for byte, and no more.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def inspect(
    session: str, text: str, model: str, content: bool, body: bool, as_json: bool, **options: Any
) -> int:
    """Show exactly what the model would be sent now. SESSION is an id, or "latest".

    Each section of the context with its share, its bytes, about how many tokens these are, and
    what it costs to read them; what is left out, and why; how much of it is the same as in the last
    request, so that the vendor's prompt cache has it.

    \b
    Examples:
      agent-gate inspect latest
      agent-gate inspect latest --text "And the kitchen?" --model claude-opus-4.5
      agent-gate inspect latest --body | jq .
    """
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            found = await find_session(client, session)
            with naming_model():
                inspection = await found.inspect(text, model)
        if as_json:
            say_json(inspection)
        elif body:
            say_body(inspection.body)
        else:
            show(inspection, content=content)
        return Exit.OK

    return run_remote(work)


def say_body(body: str) -> None:
    """Print a request: as it is, unless a terminal would be steered by it."""
    if sys.stdout.isatty():
        say(escape_json(body))
    else:
        sys.stdout.buffer.write(body.encode())
        sys.stdout.buffer.flush()


def width_of_terminal() -> int:
    """Characters in a line, for what is drawn."""
    return min(shutil.get_terminal_size().columns, WIDTH_MAX)


def show(inspection: Inspection, *, content: bool = False) -> None:
    """Show what a model would be sent."""
    width = width_of_terminal()
    model = printable(inspection.model)
    vendors = f"{printable(inspection.model_id)}, backend {printable(inspection.backend)}"
    say(f"{bold(model)}  {dim(vendors)}")
    say(bar(parts_of(inspection), inspection.bytes, width))
    for line in rows_of(inspection, width):
        say(line)
    for text in (window_text(inspection), cache_text(inspection)):
        for line in wrapped(text, width):
            say(dim(line))
    for text in left_out_texts(inspection):
        for line in wrapped(text, width):
            say(warn(line))
    if content:
        for section in inspection.sections:
            if section.content:
                say()
                say(bold(f"{section.name.value}:"))
                say(readable(section.content))


def parts_of(inspection: Inspection) -> list[Part]:
    """Return the sections, and what is around them, as parts of a bar of bytes."""
    sections = [Part(section.bytes, *LOOKS[section.name.value]) for section in inspection.sections]
    return [*sections, Part(inspection.envelope_bytes, *ENVELOPE)]


def context_bar(inspection: Inspection, width: int) -> str:
    """Draw how much of what the model may be given is taken, by section, in tokens."""
    parts = [Part(section.tokens, *LOOKS[section.name.value]) for section in inspection.sections]
    return bar(parts, inspection.context_tokens or inspection.tokens, width)


def rows_of(inspection: Inspection, width: int) -> list[str]:
    """Make the lines of the legend: a section each, and the whole."""
    rows = [
        (LOOKS[each.name.value], each.name.value, each.bytes, f"{each.tokens:,}", each.cost_micros)
        for each in inspection.sections
    ]
    rows.append((ENVELOPE, "around it", inspection.envelope_bytes, "", None))
    about = "" if inspection.counted else "about "
    total = f"{about}{inspection.tokens:,}"
    lines = [dim(columns("", "", "bytes", "share", "tokens", "to read", width))]
    for (glyph, colour), name, size, tokens, micros in rows:
        cost = dollars(micros) if tokens else ""
        part = share(size, inspection.bytes)
        line = columns("", name, f"{size:,}", part, tokens, cost, width)
        lines.append(styled(glyph, fg=colour) + line[1:])
    cost = dollars(inspection.cost_micros)
    lines.append(bold(columns("", "together", f"{inspection.bytes:,}", "", total, cost, width)))
    return lines


def columns(glyph: str, name: str, size: str, part: str, tokens: str, cost: str, width: int) -> str:
    """Lay out one line of the legend; on a narrow terminal without shares."""
    if width < WIDE_CHARS:
        return f"{glyph:<1} {name:<{NAME_CHARS}}{size:>7}{tokens:>8}{cost:>9}"
    return f"{glyph:<1} {name:<{NAME_CHARS}} {size:>10} {part:>8} {tokens:>14} {cost:>12}"


def window_text(inspection: Inspection) -> str:
    """Say how much of what the model may be given that is."""
    if not inspection.context_tokens:
        return "context  its size is not known"
    part = share(inspection.tokens, inspection.context_tokens)
    how = "as the model counts" if inspection.counted else "estimated from the bytes"
    off = inspection.estimate_off
    if off is not None and not inspection.counted:
        how += f"; the last estimate was {off:.2f} times what was counted"
    return f"context  {part} of {inspection.context_tokens:,} tokens, {how}"


def cache_text(inspection: Inspection) -> str:
    """Say how much the vendor's prompt cache can have of it."""
    prefix = inspection.cache_prefix_bytes
    if prefix is None:
        return "cache    nothing that was sent before is remembered"
    part = share(prefix, inspection.bytes)
    text = f"cache    the first {prefix:,} bytes ({part}) are those of the last request"
    if inspection.breaks_at is None:
        return text
    return f"{text}; the first other one is in {inspection.breaks_at.value}"


def left_out_texts(inspection: Inspection) -> list[str]:
    """Say what is not sent, and why."""
    return [
        f"left out {printable(each.what)} ({each.section.value}, {each.bytes:,} bytes): "
        f"{printable(each.why)}"
        for each in inspection.left_out
    ]


def wrapped(text: str, width: int) -> list[str]:
    """Wrap a text whose first word stands in a column of its own."""
    wrapper = TextWrapper(max(width, WIDTH_MIN), subsequent_indent=" " * 9, break_on_hyphens=False)
    return wrapper.wrap(text)
