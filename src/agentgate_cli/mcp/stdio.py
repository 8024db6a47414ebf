"""``agent-gate mcp``, the server: lines in, lines out, and a gateway that comes and goes.

Theory of operation. A client waits for the first answer before it shows anything, and what that
answer needs is small. So the first lines are read and answered before the event loop, the client of
the gateway and all else are imported. Then everything that waits runs on the event loop: the client
that outlives restarts of the gateway, a reader of standard input, and a clock. All rules are the
bridge's (``agentgate_proto.faces.mcp.bridge``).

Standard output carries lines of JSON alone, and is written by a thread of its own: a client that
does not read must not stop the link to the gateway.
"""

from __future__ import annotations

import os
import sys
from time import monotonic

from agentgate_cli.exits import Exit
from agentgate_cli.mcp.output import Output
from agentgate_cli.mcp.told import CHUNK_BYTES, Told
from agentgate_cli.style import note
from agentgate_proto.faces.mcp.bridge import Bridge
from agentgate_proto.faces.mcp.bridge_events import Ended
from agentgate_proto.faces.mcp.bridge_link import BridgeSettings
from agentgate_proto.faces.mcp.dispatch import Gate

AT_A_TERMINAL = (
    "this is an MCP server: it talks to a client on standard input, a line of JSON each. "
    "'agent-gate mcp setup CLIENT' connects one"
)


def serve(told: Told) -> int:
    """Serve until the client has gone; return the exit code."""
    if sys.stdin is None or sys.stdout is None:
        return Exit.USAGE
    if sys.stdin.isatty():
        note(AT_A_TERMINAL)
    settings = BridgeSettings(address=told.url.partition("?")[0], hold_s=told.hold_s)
    bridge = Bridge(Gate(version=own_version(), tasks=False), settings)
    output = Output(sys.stdout.fileno())
    try:
        is_over = begin(bridge, sys.stdin.fileno(), output)
        if not is_over:
            from agentgate_cli.mcp.pump import run

            run(bridge, told, sys.stdin.fileno(), output)
    finally:
        output.flush()
    return Exit.OK


def begin(bridge: Bridge, source: int, output: Output) -> bool:
    """Read what the client says first, and answer what needs no gateway; return whether it has
    gone already."""
    data = os.read(source, CHUNK_BYTES)
    if data:
        bridge.receive_data(data, monotonic())
    else:
        bridge.receive_eof(monotonic())
    output.put(bridge.data_to_send())
    if not data:
        assert isinstance(bridge.next_event(), Ended)
    return not data


def own_version() -> str:
    """The version of this program, without importing the gateway for it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("agent-gate")
    except PackageNotFoundError:  # run from its sources
        return "0"
