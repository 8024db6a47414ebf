"""``agent-gate conformance URL``: which vectors are played, against which gateway."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import HandshakeError
from agentgate_cli.conformance.levels import PARTS, including
from agentgate_cli.conformance.live import play
from agentgate_cli.conformance.rows import conclude, either, tell
from agentgate_cli.conformance.serving import ServeError, serving
from agentgate_cli.conformance.vectors import Vector, load
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import note

START = """\
testing the gateway at {url}, {restarts}
it must offer the tools and the policy of spec/testing.md, and nobody else may use it meanwhile;
what is not given to us of it (tokens, codes, sessions, relays, the HTTP face) is skipped\
"""


def test_gateway(
    url: str,
    tokens: dict[str, str],
    levels: Sequence[str],
    only: Sequence[str],
    *,
    serve: str,
    slow: bool,
    as_json: bool,
) -> int:
    """Play the server's vectors, print the rows as it goes; return the exit code.

    Args:
        url: of the gateway.
        tokens: what is given of it.
        levels: which, with what they build on; none: all.
        only: texts, of which a vector's name must contain one; none: all.
        serve: the command that starts the gateway; "": it runs already, and is not restarted.
        slow: play also what takes long.
        as_json: print a JSON object for each vector, in a line of its own.

    Raises:
        Failure: there is no gateway, or it does not start.
        UsageError: there is no such level, or no vector is left.
    """
    vectors = chosen(levels, only)
    rows = []
    try:
        with ExitStack() as stack:
            process = stack.enter_context(serving(serve, url)) if serve else None
            frames.connect(url).drop()
            restarts = "which is killed and started again" if serve else "which runs already"
            note(START.format(url=url, restarts=restarts))
            for vector in vectors:
                row = play(url, tokens, vector, slow=slow, process=process)
                rows.append(row)
                tell(row, as_json=as_json)
    except ServeError as error:
        raise Failure(str(error), Exit.UNREACHABLE) from None
    except (OSError, HandshakeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        gone = "the gateway is gone: there is none" if rows else "no gateway"
        raise Failure(f"{gone} at {url}: {why}", Exit.UNREACHABLE) from None
    return conclude(rows, as_json=as_json)


def chosen(levels: Sequence[str], only: Sequence[str]) -> list[Vector]:
    """The server's vectors of these levels and names.

    Raises:
        UsageError: there is no such level, or no vector is left.
    """
    try:
        wanted = including(levels)
    except KeyError as error:
        raise click.UsageError(
            f"there is no level {error.args[0]!r}: name one of {', '.join(PARTS)}"
        ) from None
    vectors = [
        vector
        for vector in load("server")
        if (vector.level in wanted or not levels)
        and (not only or any(text.lower() in vector.name.lower() for text in only))
    ]
    if not vectors:
        raise click.UsageError(f"no vector of these levels has {either(only)} in its name")
    return vectors
