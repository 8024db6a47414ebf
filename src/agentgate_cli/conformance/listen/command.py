"""``agent-gate conformance --listen``: which cases are played, to which client."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

import click
import msgspec

from agentgate_cli.conformance.listen.case import Case
from agentgate_cli.conformance.listen.cases import ALL
from agentgate_cli.conformance.listen.examination import (
    CONNECTING,
    TAKEN_OVER,
    Examination,
)
from agentgate_cli.conformance.listen.levels import LEVELS, including
from agentgate_cli.conformance.listen.stage import EXPECTED, Stage
from agentgate_cli.conformance.rows import Row, conclude, either, tell
from agentgate_cli.exits import Failure
from agentgate_cli.style import note

START = """\
waiting for a client at {url}, token {token}; levels: {levels}
what its program shall do, again and again (all of it: spec/testing.md):
  ask for the tool "next", without arguments; it returns a task
  make all of task.calls at the same time: each has "tool" and "args"
  ask for the tool "report" with {{"task": task.task, "results": […]}}: for each call, in order,
  {{"data": …}} or {{"error": {{"code": …, "sent": true where it may still run}}}}
  task.close_after: when the call of this number has ended, close the client
  where its client is over for good: open another one, and go on with the report
  task.last: the connection is then closed with 4409; end, and stay away\
"""


def test_client(
    port: int, levels: Sequence[str], only: Sequence[str], *, slow: bool, as_json: bool
) -> int:
    """Wait for a client, play the cases, print the table as it goes; return the exit code.

    Args:
        port: to listen on, on this machine; 0: any.
        levels: which, with what they build on; none: all.
        only: texts, of which a case's name must contain one; none: all.
        slow: play also what takes long.
        as_json: print a JSON object for each case, in a line of its own.

    Raises:
        Failure: the port can't be listened on.
        UsageError: there is no such level, or no case is left.
    """
    cases = chosen(levels, only)
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        why = os.strerror(error.errno or 0)  # that of the error has the address, too
        raise Failure(f"cannot listen on port {port}: {why}; try --port 0") from None
    with listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        played = including(levels or LEVELS)
        named = ", ".join(level for level in LEVELS if level in played)
        note(START.format(url=url, token=EXPECTED, levels=named))
        rows: list[Row] = []
        examination = Examination(Stage(listener, played), cases, slow=slow)
        for row in examination.rows():
            if as_json or not examination.is_gone(row):
                tell(row, as_json=as_json)
            elif not any(map(examination.is_gone, rows)):
                following = f"{row.name}, and all that follow"
                tell(msgspec.structs.replace(row, name=following), as_json=as_json)
            rows.append(row)
    return conclude(rows, as_json=as_json)


def chosen(levels: Sequence[str], only: Sequence[str]) -> list[Case]:
    """The cases of these levels and names.

    Raises:
        UsageError: there is no such level, or no case is left.
    """
    try:
        wanted = including(levels or LEVELS)
    except KeyError as error:
        raise click.UsageError(
            f"there is no level {error.args[0]!r}: name one of {', '.join(LEVELS)}"
        ) from None
    cases = [
        case
        for case in ALL
        if case.level in wanted
        and (not case.also or case.also in wanted)
        and (not case.alone or wanted == including([case.level]))
        and (not only or is_named(case, only))
    ]
    if not cases and not any(is_named(case, only) for case in (CONNECTING, TAKEN_OVER)):
        raise click.UsageError(f"no case of these levels has {either(only)} in its name")
    return cases


def is_named(case: Case, only: Sequence[str]) -> bool:
    """Whether the name of a case contains one of these texts."""
    return any(text.lower() in case.name.lower() for text in only)
