"""Arguments on a command line: those of tools, KEY=VALUE and one JSON object; and durations."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import click

from agentgate_proto.durations import parse_duration

if TYPE_CHECKING:
    FloatType = click.ParamType[float]
else:
    FloatType = click.ParamType  # older ones take no parameter


def read_args(text: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Make the tool's arguments of ``--args`` and KEY=VALUE; the latter win.

    Raises:
        click.UsageError: they can't be read.
    """
    import msgspec

    args: dict[str, Any] = {}
    if text is not None:
        try:
            args = msgspec.json.decode(given_text(text), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise click.UsageError(f"--args needs a JSON object: {error}") from None
    named: set[str] = set()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{pair!r} is no argument: write KEY=VALUE")
        if key in named:
            raise click.UsageError(f"{key!r} is given twice; a list is written {key}='[1, 2]'")
        named.add(key)
        args[key] = read_value(value)
    return args


def given_text(text: str) -> str:
    """Return the text of ``--args``; ``-``: standard input, without the mark that editors of
    Windows put in front (RFC 8259 section 8.1 lets it be passed over)."""
    return (sys.stdin.read() if text == "-" else text).removeprefix("\ufeff")


def read_value(text: str) -> Any:
    """Read JSON, or take the text as it is."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text


class Duration(FloatType):
    """Seconds on a command line: a number of them, or ``90s``, ``15m``, ``1h30m``.

    Args:
        least_s: the least that is taken; 0: anything above 0.
        most_s: the most.
        bare: whether a number without a unit is taken.
    """

    name = "duration"

    def __init__(
        self, *, least_s: float = 0.0, most_s: float = math.inf, bare: bool = True
    ) -> None:
        self.least_s, self.most_s, self.bare = least_s, most_s, bare

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read one."""
        try:
            seconds = float(value) if self.bare else parse_duration(value.strip())
        except ValueError:
            try:
                seconds = parse_duration(value.strip())
            except ValueError as error:
                hint = ", or seconds as in 90" if self.bare else ""
                self.fail(f"{error}{hint}", param, ctx)
        least = max(self.least_s, math.ulp(0.0))
        if not least <= seconds <= self.most_s or not math.isfinite(seconds):
            most = f" to {self.most_s:g} s" if math.isfinite(self.most_s) else ""
            above = f"{self.least_s:g}{most or ' s or more'}" if self.least_s else f"above 0{most}"
            self.fail(f"{value!r} must be {above}", param, ctx)
        return seconds
