"""The table of caps: every bound of core and server with its reason, made from their sources.

``python -m tests.caps`` writes it anew into ``docs/caps.md``. A cap is a number whose name ends in
``_MAX``, ``_MIN``, ``_S``, ``_PER_MINUTE`` or ``_PER_HOUR`` and below which a text says why; or a
field of one of the classes of limits. What has no such text is a constant like any other, and not
in the table.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.architecture import FLOORS, SOURCES

PAGE = Path(__file__).parent.parent / "docs" / "caps.md"
MARKERS = ("<!-- caps: made from the sources by tests/caps.py -->\n", "<!-- end -->")

CAP = re.compile(r"_(max|min|s|per_minute|per_hour)$", re.IGNORECASE)
"""How the name of a cap ends."""

LIMITS = re.compile(r"Limits$")
"""How the name of a class ends of which each field is a cap."""

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
}

BYTES = ((1_073_741_824, "GiB"), (1_048_576, "MiB"), (1_024, "KiB"))
TIMES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (0.001, "ms"), (1e-6, "µs"))
EACH = {"s": "a second", "minute": "a minute", "hour": "an hour", "day": "a day"}


class Cap(NamedTuple):
    """One bound: where it stands, its name, its figure, and why it is what it is."""

    module: str
    name: str
    figure: float
    reason: str


def caps_of(path: Path) -> Iterator[Cap]:
    """The caps of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    module = str(path.relative_to(SOURCES).with_suffix(""))
    yield from caps_in(tree.body, module, "")
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and LIMITS.search(node.name):
            yield from caps_in(node.body, module, f"{node.name}.")


def caps_in(body: list[ast.stmt], module: str, prefix: str) -> Iterator[Cap]:
    """The caps among some statements; all fields of a class of limits are some."""
    for node, below in pairwise(body):
        name, value = named(node)
        if value is None or not (prefix or CAP.search(name)) or not name.strip("_"):
            continue
        if not (isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)):
            continue
        figure = figure_of(value)
        if figure is not None:
            yield Cap(module, prefix + name, figure, reason_of(str(below.value.value)))


def named(node: ast.stmt) -> tuple[str, ast.expr | None]:
    """The name that a statement gives a value, and the value."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return name, value
    return "", None


def figure_of(node: ast.expr) -> float | None:
    """The number that an expression of numbers comes to; None: it is another expression."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.BinOp(left=left, op=op, right=right):
            before, after = figure_of(left), figure_of(right)
            if before is not None and after is not None:
                number = ARITHMETIC[type(op)](before, after)
                return float(number) if isinstance(number, float) else int(number)
    return None


def reason_of(text: str) -> str:
    """What is said of a cap, on one line."""
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())


def worded(name: str, figure: float) -> str:
    """A figure in the unit that its name says."""
    words = name.rpartition(".")[2].lower().split("_")
    each = f" {EACH[words[-1]]}" if words[-2:-1] == ["per"] else ""
    if "bytes" in words:
        return (in_units(figure, BYTES) or f"{figure:,} bytes") + each
    if each:
        return f"{figure:,}{each}"
    if words[-1] == "s" or words[-2:] in (["s", "max"], ["s", "min"]):
        return in_units(figure, TIMES) or f"{figure:g} s"
    if words[-2:] == ["minutes", "max"]:
        return in_units(figure * 60, TIMES)
    return f"{figure:,.10g}" if isinstance(figure, float) else f"{figure:,}"


def in_units(figure: float, units: tuple[tuple[float, str], ...]) -> str:
    """A figure in the largest unit of which it is a round number; "": there is none."""
    for size, unit in units:
        number = figure / size
        if number >= 1 and abs(number * 10 - round(number * 10)) < 1e-6:
            return f"{number:,.4g} {unit}" if number < 1_000 else f"{number:,.0f} {unit}"
    return ""


def table() -> str:
    """All caps, by the folder in which they are."""
    texts = []
    for package in FLOORS:
        rooms: dict[str, list[Cap]] = {}
        for path in sorted((SOURCES / package).rglob("*.py")):
            room = str(path.parent.relative_to(SOURCES))
            rooms.setdefault(room, []).extend(caps_of(path))
        for room, caps in rooms.items():
            if caps:
                rows = [f"## `{room}/`\n", "| cap | figure | why |", "| --- | ---: | --- |"]
                rows += [row(cap) for cap in caps]
                texts.append("\n".join(rows))
    return "\n\n".join(texts)


def row(cap: Cap) -> str:
    """One line of the table."""
    short = cap.module.rpartition("/")[2]
    return f"| `{short}.{cap.name}` | {worded(cap.name, cap.figure)} | {cap.reason} |"


def rendered(text: str) -> str:
    """The page with its tables made anew."""
    head, rest = text.split(MARKERS[0])
    tail = rest.split(MARKERS[1])[1]
    return f"{head}{MARKERS[0]}\n{table()}\n\n{MARKERS[1]}{tail}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")
