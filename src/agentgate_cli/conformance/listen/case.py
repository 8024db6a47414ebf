"""What a case is: a task for the client, what the gateway does meanwhile, what must be reported.

The task goes to the client as the answer to ``next``; ``spec/testing.md`` says what its members ask
for. A case plays against the :class:`~agentgate_cli.conformance.listen.stage.Stage`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from agentgate_cli.conformance.listen.stage import Broken, Message, Stage
from agentgate_cli.conformance.vectors import brief


class Wanted(NamedTuple):
    """What the client must report.

    Attributes:
        results: of each call, in order: ``{"data": …}``, or ``{"error": code}``, with ``"sent":
            True`` where the client must say that it may still run.
        rows: what the user's own ``get_pending_results`` must bring, in any order, as results
            with their ``request_id``; None: was not asked.
        check: looks at the report's other members; raises :class:`Broken`.
    """

    results: Sequence[Any]
    rows: Sequence[Message] | None = None
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
            raise Broken(
                f"{count} calls are to be made at once, {len(found)} came: {error}"
            ) from None
    found.sort(key=lambda message: int(message["params"]["args"]["n"]))
    if [message["params"]["args"]["n"] for message in found] != list(range(count)):
        raise Broken("the calls did not come with the arguments that they were given", "C1")
    return found


def check_report(wanted: Wanted, report: Message) -> None:
    """Compare what the client reports with what it must.

    Raises:
        Broken: it does not fit.
    """
    results = report.get("results")
    if not isinstance(results, list) or len(results) != len(wanted.results):
        raise Broken(f"the report has not one row for each call: {brief(results)} (testing.md)")
    for n, (want, got) in enumerate(zip(wanted.results, results, strict=True)):
        check_result(f"call {n}", want, got)
    if wanted.rows is not None:
        check_rows(wanted.rows, report.get("rows"))
    if wanted.check is not None:
        wanted.check(report)


def check_rows(wanted: Sequence[Message], rows: Any) -> None:
    """Compare what the user's own ``get_pending_results`` has brought with what it must.

    Raises:
        Broken: there is one too many, one too few, or another one.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Broken(f"the report has no rows of get_pending_results: {brief(rows)} (testing.md)")
    due = list(wanted)
    for row in rows:
        want = next((want for want in due if want["request_id"] == row.get("request_id")), None)
        if want is None:
            raise Broken(f"get_pending_results brought {brief(row)}, which was told before")
        check_result(f"the row of id {want['request_id']}", want, row)
        due.remove(want)
    if due:
        raise Broken(f"get_pending_results did not bring {brief(due[0])}: it was lost")


def check_result(what: str, want: Any, got: Any) -> None:
    """Compare how a call ended with how it must have.

    Raises:
        Broken: it ended otherwise.
    """
    if "error" in want:
        error = got.get("error") if isinstance(got, dict) else None
        code = error.get("code") if isinstance(error, dict) else None
        if code != want["error"]:
            raise Broken(f"{what} ended as {brief(got)} instead of error {want['error']}")
        if want.get("sent") and not (isinstance(error, dict) and error.get("sent") is True):
            raise Broken(f"{what} was sent and may still run, which was not said: {brief(got)}")
    elif not isinstance(got, dict) or got.get("data") != want["data"]:
        raise Broken(f"{what} ended as {brief(got)} instead of {brief(want)}")
