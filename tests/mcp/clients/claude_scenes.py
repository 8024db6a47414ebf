"""Scenes of Claude Code alone: its list of servers, and the gate as its permission prompt."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.mcp.acceptance.proxy import CHUNK_BYTES, copy
from tests.mcp.clients.models import Wish, wish
from tests.mcp.clients.programs import base_environment, claude_environment, claude_program
from tests.mcp.clients.world import BOUND_S, Scene, World, scene

MADE = "made.txt"
PERMITTED = ("--permission-prompt-tool", "mcp__gate__permit")
ASK = {"defaults": [{"pattern": "permit.*", "action": "ask"}], "rules": []}


# claude mcp list


@contextmanager
def tapped(port: int) -> Iterator[tuple[int, list[str]]]:
    """Serve as another port does; yield which port, and the first line of each request."""
    lines: list[str] = []

    def serve(client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", port)) as gate:
            threading.Thread(target=copy, args=(gate, client), daemon=True).start()
            while data := client.recv(CHUNK_BYTES):
                line = data.partition(b"\r\n")[0].decode(errors="replace")
                if line.endswith(" HTTP/1.1"):
                    lines.append(line)
                gate.sendall(data)

    def listen() -> None:
        with suppress(OSError):  # it is closed
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], lines


def claude(world: World, *arguments: str) -> str:
    """Run a command of it; return what it said."""
    done = subprocess.run(
        [claude_program(world.place), *arguments],
        env={**base_environment(world.place), **claude_environment(world.place)},
        cwd=world.place.work,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    return done.stdout + done.stderr


def listed(world: World, token: str) -> tuple[str, list[str]]:
    """Add the gate with a token; return what its list says, and what it asked the gate for."""
    with tapped(world.gateway.port) as (port, lines):
        url, header = f"http://127.0.0.1:{port}/mcp", f"Authorization: Bearer {token}"
        options = ("-s", "user", "--transport", "http", "gate", url, "--header", header)
        claude(world, "mcp", "add", *options)
        said = claude(world, "mcp", "list")
        claude(world, "mcp", "remove", "-s", "user", "gate")
        return said, lines


@scene("claude mcp list", "claude", starts=False)
def servers_listed(world: World) -> None:
    said, lines = listed(world, world.place.token)
    assert "Connected" in said, said
    assert lines, "the gate was not asked"
    said, lines = listed(world, "wrong-token-0123456789abcdef")
    assert "Connected" not in said, said
    assert "401" in said, said
    assert "Authorization" in said, said
    assert lines, "the gate was not asked"
    assert all(line.split()[1] == "/mcp" for line in lines), f"it looks for OAuth: {lines}"


# permit


def running() -> Wish:
    """A command that makes a file."""
    return wish("Bash", command=f"echo made > {MADE}", description="Make a file")


def prompted(world: World, tool: str, shown: str) -> None:
    """Wait for the prompt; see that a person is shown what it is about."""
    world.asked()
    (waiting,) = world.gateway.approvals()
    assert waiting["tool"] == f"permit.{tool}", waiting
    assert shown in str(waiting["args"]), waiting


def permit_scene(
    name: str, wanted: Wish, **options: Any
) -> Callable[[Callable[[World], None]], Scene]:
    """Make one in which the gate is the permission prompt."""
    return scene(
        name,
        "claude",
        wanted,
        arguments=PERMITTED,
        face={"permit": True},
        policy=ASK,
        hold_s=3_600,
        **options,
    )


def approved_after(seconds: float) -> Callable[[World], None]:
    """A person takes so long to permit a command."""

    def play(world: World) -> None:
        prompted(world, "Bash", f"echo made > {MADE}")
        assert not (world.place.work / MADE).exists(), "it ran, and nobody has answered"
        time.sleep(seconds)
        world.approve()
        world.finish()
        assert (world.place.work / MADE).read_text() == "made\n"

    return play


permitted = permit_scene("permit: a command, approved", running())(approved_after(0))
permitted_late = permit_scene("permit: a command, approved after 320 s", running(), long=True)(
    approved_after(320)
)


@permit_scene("permit: a command, denied", running())
def not_permitted(world: World) -> None:
    prompted(world, "Bash", f"echo made > {MADE}")
    world.decide("deny")
    (told,) = world.finish()
    assert "denied" in told.lower(), told
    assert not (world.place.work / MADE).exists()


def writing(_: list[str]) -> dict[str, Any]:
    """The arguments of ``Write``; a relative path is refused by none, and is in the work folder."""
    return {"file_path": MADE, "content": "made\n"}


@permit_scene("permit: a file, approved", Wish("Write", writing))
def file_permitted(world: World) -> None:
    prompted(world, "Write", "1 line and 5 bytes")
    world.approve()
    (told,) = world.finish()
    assert (world.place.work / MADE).read_text() == "made\n", told


CLAUDE_SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))
