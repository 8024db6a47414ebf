"""Markdown of a model on a terminal: nothing that it says is hidden, and no link lies."""

from __future__ import annotations

from typing import ClassVar

from markdown_it import MarkdownIt
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.text import Text


class LeftHeading(Heading):
    """A heading at the left, where text begins."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text: Text = self.text.copy()
        text.justify = "left"
        yield text


class SafeMarkdown(Markdown):
    """Markdown whose source can be anybody's.

    HTML is shown as it is written, where rich leaves it out; the address of a link is shown beside
    its text.

    Args:
        markup: the source; it went through :func:`agentgate_cli.text.readable`.
    """

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": LeftHeading,
    }

    def __init__(self, markup: str) -> None:
        super().__init__("", code_theme="ansi_dark", hyperlinks=False)
        parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
        self.markup = markup
        self.parsed = parser.parse(markup)


class Lines:
    """Lines that are drawn already.

    Args:
        lines: of segments, without the ends of lines.
        ends: the last one ends, too: they are printed, and not drawn in a place of their own.
    """

    def __init__(self, lines: list[list[Segment]], *, ends: bool = False) -> None:
        self.lines = lines
        self.ends = ends

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for number, line in enumerate(self.lines):
            if number:
                yield Segment.line()
            yield from line
        if self.ends and self.lines:
            yield Segment.line()


def drawn(console: Console, markup: str) -> list[list[Segment]]:
    """Draw Markdown as lines, without blanks at their ends."""
    lines = [stripped(line) for line in console.render_lines(SafeMarkdown(markup), pad=False)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def stripped(line: list[Segment]) -> list[Segment]:
    """Return a line without the blanks at its end: they are not seen, and copied all the same."""
    line = list(line)
    while line:
        text, style, control = line.pop()
        if rest := text.rstrip():
            line.append(Segment(rest, style, control))
            break
    return line
