"""The stand-in's WebSocket, as the real one is (2025.4): who answers what, in which words.

What changes is told to whoever has subscribed by ``tell``, which sees it by comparing: tests change
a home as they like, and the next command, or the next service, brings it to light.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import anyio
import msgspec
from anyio.abc import SocketStream, TaskGroup

from agentgate_cli.standins.home import Home
from agentgate_cli.standins.http_server import HttpRequest
from agentgate_cli.standins.websocket import WebSocket

VERSION: Final = "2025.4.4"
USER: Final = "8bb1cc634b3e491fa39a4f2d51259459"

Snapshot = dict[str, Any]
Command = dict[str, Any]


class Refused(Exception):
    """A command is answered by an error: its code, and its words."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


CallService = Callable[[str, str, dict[str, Any], bool, str], Awaitable[Any]]
"""Calls a service: domain, service, data, whether it is to respond, the id of the context. Returns
its response."""


class Sockets:
    """All connections to one stand-in.

    Args:
        home: what it stands in front of.
        token: what it takes.
        call: calls a service; raises ``Refused``. None of it comes back if it says ``Cut``.
        fire: fires an event.

    Attributes:
        version: that it says it is.
        commands: the types of all commands that came, in order.
        unknown: types of commands that it does not know, as older versions.
        mute: it takes commands and answers none.
        open: the connections whose token was good.
        seen: what was told of the home.
    """

    def __init__(
        self,
        home: Callable[[], Home],
        token: str,
        call: CallService,
        fire: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self.home = home
        self.token = token
        self.call = call
        self.fire = fire
        self.version = VERSION
        self.commands: list[str] = []
        self.unknown: set[str] = set()
        self.mute = False
        self.open: list[Client] = []
        self.seen: Snapshot = {}
        self._contexts: dict[str, str] = {}
        self._made = 0

    async def speak(self, stream: SocketStream, request: HttpRequest, data: bytes) -> None:
        """Serve one connection until it ends."""
        socket = await WebSocket.accept(stream, request, data)
        await socket.send(encode({"type": "auth_required", "ha_version": self.version}))
        first = await socket.receive()
        if first is None:
            return
        if msgspec.json.decode(first) != {"type": "auth", "access_token": self.token}:
            words = "Invalid access token or password"
            await socket.send(encode({"type": "auth_invalid", "message": words}))
            await socket.close()
            return
        await socket.send(encode({"type": "auth_ok", "ha_version": self.version}))
        async with anyio.create_task_group() as tasks:
            client = Client(self, socket, tasks)
            if not self.open:
                self.seen = snapshot_of(self.home())
            self.open.append(client)
            try:
                await client.serve()
            finally:
                self.open.remove(client)
                tasks.cancel_scope.cancel()

    async def cut(self) -> None:
        """End all connections."""
        for client in self.open:
            client.tasks.cancel_scope.cancel()

    def new_context(self) -> str:
        """Make the id of a context."""
        self._made += 1
        return f"01HSTANDIN{self._made:016d}"

    async def tell(self, context: str = "") -> None:
        """Tell everybody what has changed since the last time, and by which context."""
        if not self.open:
            return
        before, now = self.seen, snapshot_of(self.home())
        self.seen = now
        states, former = now["states"], before["states"]
        for name, state in states.items():
            if former.get(name) != state:
                self._contexts[name] = context or self.new_context()
        added = {name: self.compressed(name, s) for name, s in states.items() if name not in former}
        changed = {
            name: self.difference(name, former[name], state)
            for name, state in states.items()
            if name in former and former[name] != state
        }
        removed = [name for name in former if name not in states]
        event = {"a": added, "c": changed, "r": removed}
        event = {key: value for key, value in event.items() if value}
        events = [("entities", event)] if event else []
        events += [
            (f"{kind}_registry_updated", {"event_type": f"{kind}_registry_updated", "data": {}})
            for kind in REGISTRIES
            if before[kind] != now[kind]
        ]
        for client in list(self.open):
            for topic, what in events:
                await client.push(topic, what)

    async def tell_event(self, event_type: str, data: dict[str, Any]) -> None:
        """Tell those who have subscribed to it of an event."""
        event = {
            "event_type": event_type,
            "data": data,
            "origin": "REMOTE",
            "time_fired": datetime.now(UTC).isoformat(),
            "context": context_of(self.new_context()),
        }
        for client in list(self.open):
            await client.push(event_type, event)

    def compressed(self, name: str, state: dict[str, Any]) -> dict[str, Any]:
        """Return a state as ``subscribe_entities`` first tells it."""
        return {**state, "c": self._contexts.get(name, "01HSTANDIN")}

    def difference(self, name: str, before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
        """Return what is new of a state, as it tells that."""
        added: dict[str, Any] = {key: now[key] for key in ("s", "lc") if now[key] != before[key]}
        attributes = {k: v for k, v in now["a"].items() if before["a"].get(k, ...) != v}
        if attributes:
            added["a"] = attributes
        added["c"] = {"user_id": USER, "id": self._contexts[name]}
        found: dict[str, Any] = {"+": added}
        if gone := [key for key in before["a"] if key not in now["a"]]:
            found["-"] = {"a": gone}
        return found


class Client:
    """One connection whose token was good."""

    def __init__(self, sockets: Sockets, socket: WebSocket, tasks: TaskGroup) -> None:
        self.sockets = sockets
        self.socket = socket
        self.tasks = tasks
        self.topics: dict[int, str] = {}
        self.last_id = 0

    async def serve(self) -> None:
        """Take commands until the client leaves."""
        while (text := await self.socket.receive()) is not None:
            command = msgspec.json.decode(text)
            number = command.pop("id")
            self.sockets.commands.append(command["type"])
            if self.sockets.mute:
                continue
            if number <= self.last_id:
                words = "Identifier values have to increase."
                await self.answer(number, Refused("id_reuse", words))
                continue
            self.last_id = number
            self.tasks.start_soon(self.run, number, command)

    async def run(self, number: int, command: Command) -> None:
        """Answer one command."""
        await self.sockets.tell()
        kind = command.pop("type")
        if kind == "ping":
            await self.socket.send(encode({"id": number, "type": "pong"}))
            return
        try:
            result = await self.result_of(number, kind, command)
        except Refused as error:
            await self.answer(number, error)
            return
        if result is not CUT:
            await self.answer(number, result)
        if kind == "subscribe_entities":
            states = self.sockets.seen["states"]
            self.topics[number] = "entities"  # not earlier: the first event tells all states
            first = {name: self.sockets.compressed(name, state) for name, state in states.items()}
            await self.push("entities", {"a": first})

    async def result_of(self, number: int, kind: str, command: Command) -> Any:
        """Return the result of a command.

        Raises:
            Refused: there is none.
        """
        sockets, home = self.sockets, self.sockets.home()
        if kind in sockets.unknown:
            raise Refused("unknown_command", "Unknown command.")
        match kind:
            case "subscribe_events":
                self.topics[number] = command.get("event_type", "*")
                return None
            case "subscribe_entities":
                return None
            case "get_states":
                return [each.as_json() for each in home.entities.values()]
            case "get_config":
                return {"version": sockets.version, "location_name": "Home"}
            case "entity/source":
                groups = {each.id for each in home.entities.values() if each.is_group}
                return {
                    each.id: {"domain": "group" if each.id in groups else "demo"}
                    for each in home.entities.values()
                }
            case "call_service":
                return await self.call_service(**command)
            case "fire_event":
                sockets.fire(command["event_type"], command.get("event_data") or {})
                return {"context": context_of(sockets.new_context())}
        for name, rows in REGISTRIES.items():
            if kind == f"config/{name}_registry/list":
                return rows(home)
        raise Refused("unknown_command", "Unknown command.")

    async def call_service(
        self,
        domain: str,
        service: str,
        service_data: dict[str, Any] | None = None,
        target: dict[str, Any] | None = None,
        return_response: bool = False,
    ) -> Any:
        """Call a service, and answer when it is done."""
        context = self.sockets.new_context()
        data = {**(service_data or {}), **(target or {})}
        response = await self.sockets.call(domain, service, data, return_response, context)
        if response is CUT:
            await self.sockets.cut()
            return CUT
        result: dict[str, Any] = {"context": context_of(context)}
        return {**result, "response": response} if return_response else result

    async def answer(self, number: int, result: Any) -> None:
        """Send the answer to a command."""
        said: dict[str, Any] = {"id": number, "type": "result", "success": True, "result": result}
        if isinstance(result, Refused):
            error = {"code": result.code, "message": str(result)}
            said = {"id": number, "type": "result", "success": False, "error": error}
        await self.socket.send(encode(said))

    async def push(self, topic: str, event: Any) -> None:
        """Send an event to those subscriptions that are for it."""
        for number in [number for number, wanted in self.topics.items() if wanted == topic]:
            await self.socket.send(encode({"id": number, "type": "event", "event": event}))


CUT: Final = object()
"""In the place of a response: the connection is to break."""


def encode(value: Any) -> bytes:
    """Write a message."""
    return msgspec.json.encode(value)


def context_of(number: str) -> dict[str, Any]:
    """Return a context as results have it."""
    return {"id": number, "parent_id": None, "user_id": USER}


def snapshot_of(home: Home) -> Snapshot:
    """Return all that is told of a home, to see later what has changed."""
    found: Snapshot = {kind: rows(home) for kind, rows in REGISTRIES.items()}
    found["states"] = {each.id: each.as_compressed() for each in home.entities.values()}
    return found


REGISTRIES: Final[dict[str, Callable[[Home], list[dict[str, Any]]]]] = {
    "entity": lambda home: [
        {
            "entity_id": each.id,
            "name": None,
            "original_name": each.name or None,
            "area_id": each.area or None,
            "device_id": each.device or None,
            "labels": sorted(each.labels),
            "platform": "group" if each.is_group else "demo",
            "disabled_by": None,
            "hidden_by": None,
            "entity_category": None,
        }
        for each in home.entities.values()
    ],
    "device": lambda home: [
        {
            "id": each.id,
            "name": each.name,
            "name_by_user": None,
            "area_id": each.area or None,
            "labels": sorted(each.labels),
            "parent_device_id": each.parent or None,
        }
        for each in home.devices.values()
    ],
    "area": lambda home: [
        {
            "area_id": each.id,
            "name": each.name,
            "floor_id": each.floor or None,
            "labels": sorted(each.labels),
            "aliases": [],
        }
        for each in home.areas.values()
    ],
    "floor": lambda home: [
        {"floor_id": floor, "name": name, "level": None, "aliases": []}
        for floor, name in home.floors.items()
    ],
    "label": lambda home: [
        {"label_id": label, "name": name} for label, name in home.labels.items()
    ],
}
"""What ``config/…_registry/list`` answers."""
