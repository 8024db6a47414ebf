"""What a case is: a task for the client, what the gateway does meanwhile, what must be reported.

The task goes to the client as the answer to ``next``; ``spec/testing.md`` says what its members ask
for. A case plays against the :class:`~agentgate_cli.conformance.listen.stage.Stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.line import Message
from agentgate_cli.conformance.listen.stage import Stage
from agentgate_cli.conformance.vectors import brief

CUT_OFF = {"error": None, "sent": True}
"""What is reported of a call that was sent, and whose client has come to its end."""

UNKNOWN = -32007
"""The code of an outcome that nobody can tell."""


class Wanted(NamedTuple):
    """What the client must report.

    Attributes:
        results: of each call, in order: ``{"data": …}``, or ``{"error": code}`` (None: any code),
            with ``"sent"`` where the client must, or must not, say that it may still run, and
            ``"rules"`` where they are not those of the case.
        failed: how many clients could not be opened since the report before; None: any number.
        rows: what the user's own ``get_pending_results`` must bring, in any order, as results
            with their ``request_id``; None: was not asked. What other cases left does no harm.
        spent: ids of which no row may come.
        check: looks at the report's other members; raises :class:`Broken`.
    """

    results: Sequence[Any]
    rows: Sequence[Message] | None = None
    spent: Sequence[int | str] = ()
    failed: int | None = None
    check: Callable[[Message], None] | None = None


class Case(NamedTuple):
    """One case.

    Attributes:
        name, rule: what it is called, and what the client must do, in a sentence.
        level: the level that it belongs to (``levels.LEVELS``).
        also: a further level that a client must have for it, or "".
        rules: the rules of ``spec/`` that it tests.
        calls: what the client is to call, at the same time (``work``).
        play: what the gateway does with them; returns what must be reported.
        members: further members of the task, such as ``close_after``.
        is_slow: takes longer than about ten seconds.
        alone: only for clients of this level and none above, such as what a cut ends where nobody
            reconnects.
    """

    name: str
    level: str
    rules: tuple[str, ...]
    rule: str
    calls: tuple[Message, ...]
    play: Callable[[Stage], Wanted]
    members: Mapping[str, Any] = MappingProxyType({})
    is_slow: bool = False
    alone: bool = False
    also: str = ""


def work(count: int, **options: Any) -> tuple[Message, ...]:
    """So many calls of the tool ``work``, told apart by their argument ``n``.

    Args:
        count: how many.
        options: of each, such as ``timeout_s=0.5``.
    """
    return tuple({"tool": "work", "args": {"n": n}, **options} for n in range(count))


def asked(stage: Stage, count: int) -> list[Message]:
    """Take so many calls of ``work``, in the order of their arguments.

    Raises:
        Broken: fewer came, or others.
    """
    found: list[Message] = []
    while len(found) < count:
        try:
            found.append(stage.tool("work"))
        except Broken as error:
            text = f"{count} calls are to be made at once, {len(found)} came: {error.problem}"
            raise Broken(text, *(error.rules or ("testing.md",))) from None
    by_number = {argument(message): message for message in found}
    if set(by_number) != set(range(count)):
        raise Broken("the calls did not come with the arguments that they were given", "C1")
    return [by_number[n] for n in range(count)]


def argument(message: Message) -> Any:
    """The argument ``n`` of a call of ``work``; None: it has none."""
    args = message["params"].get("args", {})
    n = args.get("n")
    return n if len(args) == 1 and type(n) is int else None


def check_report(wanted: Wanted, report: Message) -> None:
    """Compare what the client reports with what it must.

    Raises:
        Broken: it does not fit.
    """
    results = report.get("results")
    if not isinstance(results, list) or len(results) != len(wanted.results):
        text = f"the report has not one of results for each of {len(wanted.results)} calls"
        raise Broken(f"{text}: {brief(report)}", "testing.md")
    for n, (want, got) in enumerate(zip(wanted.results, results, strict=True)):
        check_result(f"call {n}", want, got)
    if wanted.failed is not None and len(report.get("failed") or ()) != wanted.failed:
        text = f"{wanted.failed} clients had to fail to open, for good, and as failed was reported"
        raise Broken(f"{text} {brief(report.get('failed') or [])}")
    if wanted.rows is not None:
        check_rows(wanted.rows, wanted.spent, report.get("rows"))
    if wanted.check is not None:
        wanted.check(report)


def check_rows(wanted: Sequence[Message], spent: Sequence[int | str], rows: Any) -> None:
    """Compare what the user's own ``get_pending_results`` has brought with what it must.

    Raises:
        Broken: one is missing, another one than it must be, or was told before.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Broken(f"the report has no rows of get_pending_results: {brief(rows)}", "testing.md")
    due = {want["request_id"]: want for want in wanted}
    told = list(spent)
    for row in rows:
        request_id = row.get("request_id")
        if request_id in told:
            raise Broken(f"the row {brief(row)} was told before", "H3", "H5")
        if type(request_id) in (int, str) and request_id in due:
            check_result(f"the row of id {request_id}", due.pop(request_id), row)
            told.append(request_id)
    for request_id, want in due.items():
        text = f"the user's get_pending_results did not return the outcome of id {request_id}"
        raise Broken(text, *want.get("rules", ("H2", "H3")))


def check_result(what: str, want: Any, got: Any) -> None:
    """Compare how a call ended with how it must have.

    Raises:
        Broken: it ended otherwise.
    """
    rules = want.get("rules", ())
    if "error" in want:
        error = got.get("error") if isinstance(got, dict) else None
        if not isinstance(error, dict):
            raise Broken(f"{what} ended as {brief(got)} instead of with an error", *rules)
        code = want["error"]
        if code not in (None, error.get("code")):
            raise Broken(f"{what} ended as {brief(got)} instead of with error {code}", *rules)
        sent = error.get("sent") is True
        if want.get("sent") is True and not sent:
            raise Broken(f"{what} was sent and may still run, which was not said", "X6")
        if want.get("sent") is False and sent:
            raise Broken(f"{what} was not sent, and it was said that it may still run", "X6")
        return
    data = want["data"]
    if not isinstance(got, dict) or "data" not in got or got["data"] != data:
        raise Broken(f"{what} ended as {brief(got)} instead of {brief(data)}", *rules)
