"""A conversation on a terminal: finished parts are printed, what still changes is drawn below.

Theory of operation. rich's ``Live`` keeps the lower part, which is never higher than the screen:
what the model is saying, as far as it is not settled (see ``speech``), and a line that shows that
something is under way. It is drawn at each ``tick`` if it has changed, so a thousand deltas cost as
much as the screen shows of them. While a question is open nothing is drawn or printed: what comes
meanwhile is taken afterwards.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import cycle

from rich.console import Console
from rich.live import Live
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from agentgate_cli.chat import words
from agentgate_cli.chat.markdown import Lines, drawn
from agentgate_cli.chat.output import line_of
from agentgate_cli.chat.speech import Settled, Speech
from agentgate_cli.terminal import echo
from agentgate_cli.text import duration, printable
from agentgate_client import Event
from agentgate_proto.records.session import EventKind

TICK_S = 0.08
"""Between two looks at what has changed: an eye sees no more."""

BUSY_SHARE = 4
"""Drawing may take a quarter of the time: a slow machine, or much text, is drawn less often."""

THINKING_LINES = 3
"""Of what the model is thinking, while it does."""

MARGIN_LINES = 3
"""Of the screen that are left free."""

WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
DIM = Style(dim=True)


def console_of() -> Console:
    """Make the console of standard output."""
    return Console(highlight=False, markup=False, emoji=False)


class Screen:
    """See the module; for what each method does: :class:`agentgate_cli.chat.output.Output`.

    Args:
        console: a terminal.
        names: show what people said, too.
        live: draw what is under way; else only what is finished is printed.
        thinking: show what the model thinks.
    """

    def __init__(
        self, console: Console, *, names: bool = False, live: bool = True, thinking: bool = True
    ) -> None:
        self.sums_up = True
        self.console = console
        self.names = names
        self.live = live
        self.thinking = thinking
        self._speech = Speech()
        self._thought = Speech()
        self._drawing: Live | None = None
        self._doing = ""
        self._since = 0.0
        self._next_at = 0.0
        self._wheel = cycle(WHEEL)
        self._paused = False
        self._held: deque[Event | str] = deque()
        self._apart = False

    def take(self, event: Event) -> None:
        """Show an event."""
        if self._paused:
            self._held.append(event)
            return
        data = event.data
        match event.kind:
            case EventKind.RUN_STARTED:
                self._do(f"{printable(words.text_in(data, 'model'))} is asked")
            case EventKind.MODEL_STARTED:
                self._finish()
                self._do(f"{printable(words.text_in(data, 'model_id'))} is asked")
            case EventKind.THINKING:
                self._thought.say(words.text_in(data, "text"))
                self._do("thinking")
            case EventKind.TEXT:
                self._finish_thought()
                self._speech.say(words.text_in(data, "text"))
                self._doing = ""
            case EventKind.RESET:
                was_settled = self._speech.was_settled or self._thought.was_settled
                self._speech.withdraw()
                self._thought.withdraw()
                self._line(words.reset_line(data, was_settled=was_settled), style="dim")
            case EventKind.REPLY:
                self._finish_thought()
                self._finish(words.text_in(data, "text"))
            case EventKind.TOOL_CALL:
                self._line(words.call_line(data))
                self._do(f"{printable(words.text_in(data, 'tool'))} is asked for")
            case EventKind.APPROVAL:
                self._line(words.approval_line(data))
                self._do("waiting for a person")
            case EventKind.RUN_ENDED:
                self._finish()
                self._doing = ""
                self._other(event)
            case _:
                self._other(event)

    def note(self, line: str) -> None:
        """Say something beside the conversation."""
        if self._paused:
            self._held.append(line)
        else:
            self._line(line)

    def tick(self) -> None:
        """Draw what has changed."""
        now = time.monotonic()
        if self._paused or not self.live or now < self._next_at:
            return
        for part in self._speech.overlong():
            self._print(part)
        for part in self._thought.overlong():
            self._print_thought(part)
        lines = self._open_lines()
        room = max(self.console.size.height - MARGIN_LINES, 1)
        if len(lines) > room and (whole := self._speech.whole_blocks()) is not None:
            self._print(whole)
            lines = self._open_lines()
        self._draw(lines[-room:])
        took = time.monotonic() - now
        self._next_at = now + took * BUSY_SHARE

    def pause(self) -> None:
        """Leave the terminal to somebody else."""
        self._settle()
        self._erase()
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        while self._held and not self._paused:
            held = self._held.popleft()
            if isinstance(held, str):
                self.note(held)
            else:
                self.take(held)

    def close(self) -> None:
        """Print what is left, and leave the terminal as a line begins."""
        self.resume()
        self._finish()
        self._erase()
        self._doing = ""

    # What is finished

    def _other(self, event: Event) -> None:
        line = line_of(event, names=self.names)
        if line and event.kind == EventKind.MESSAGE:
            self._gap()
        if line:
            self._line(line)

    def _line(self, line: str, style: str = "") -> None:
        self._settle()
        text = Text.from_ansi(line, style=style)
        self.console.print(text)
        self._apart = False

    def _settle(self) -> None:
        for part in self._thought.settle():
            self._print_thought(part)
        for part in self._speech.settle():
            self._print(part)

    def _finish(self, whole: str | None = None) -> None:
        self._finish_thought()
        for part in self._speech.finish(whole):
            self._print(part)

    def _finish_thought(self) -> None:
        for part in self._thought.finish():
            self._print_thought(part)

    def _print(self, part: Settled) -> None:
        if self._apart:
            self.console.print()
        self.console.print(Lines(drawn(self.console, part.markup), ends=True))
        self._apart = part.is_clean

    def _print_thought(self, part: Settled) -> None:
        if self.thinking:
            self.console.print(Text(part.markup.strip(), style="dim italic"))
            self._apart = True

    def _gap(self) -> None:
        self.console.print()
        self._apart = False

    # What still changes

    def _do(self, what: str) -> None:
        if what != self._doing:
            self._doing = what
            self._since = time.monotonic()

    def _open_lines(self) -> list[list[Segment]]:
        lines: list[list[Segment]] = []
        if self.thinking and not self._thought.is_empty:
            text = Text(self._thought.open_markup.strip(), style="dim italic")
            lines += self.console.render_lines(text, pad=False)[-THINKING_LINES:]
        if not self._speech.is_empty:
            if self._apart:
                lines.append([])
            lines += drawn(self.console, self._speech.open_markup)
        if self._doing:
            waited = time.monotonic() - self._since
            since = f" · {duration(waited)}" if waited >= 1 else ""
            lines.append([Segment(f"{next(self._wheel)} {self._doing}{since}", DIM)])
        return lines

    def _draw(self, lines: list[list[Segment]]) -> None:
        if self._drawing is None and lines:
            self._drawing = Live(
                Lines([]),
                console=self.console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
                vertical_overflow="crop",
            )
            echo(on=False)
            self._drawing.start()
        if self._drawing is not None:
            self._drawing.update(Lines(lines), refresh=True)

    def _erase(self) -> None:
        if self._drawing is not None:
            self._drawing.update(Lines([]), refresh=True)
            self._drawing.stop()
            self._drawing = None
            echo(on=True)
