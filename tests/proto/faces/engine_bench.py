"""An Engine.IO engine on a bench: requests go in by hand, what it says is kept as it comes."""

from __future__ import annotations

from itertools import count
from typing import Any

from agentgate_proto.faces.engineio.engine import Engine
from agentgate_proto.faces.engineio.events import Effect, Ended, Event, Received, Respond
from agentgate_proto.faces.engineio.settings import EngineSettings

PATH = "/engine.io/?EIO=4&transport="
ADDRESS = "192.0.2.7"


class Bench:
    """The engine, and what it has said since somebody looked.

    Attributes:
        done: effects.
        told: events.
        now: the clock, in seconds.
    """

    def __init__(self, **settings: Any) -> None:
        sids = (f"sid{number}" for number in count(1))
        self.engine = Engine(lambda: next(sids), EngineSettings(**settings) if settings else None)
        self.done: list[Effect] = []
        self.told: list[Event] = []
        self.now = 100.0
        self._connections = count(1)

    # What clients do

    def get(self, sid: str = "", **changes: Any) -> int:
        """Ask by GET, on a connection of its own: to begin, or with a sid to poll."""
        return self.request("GET", sid, **changes)

    def post(self, sid: str, body: str | bytes, **changes: Any) -> int:
        return self.request("POST", sid, body, **changes)

    def request(
        self,
        method: str,
        sid: str = "",
        body: str | bytes = b"",
        *,
        target: str = "",
        address: str = ADDRESS,
        connection: int = 0,
    ) -> int:
        connection = connection or next(self._connections)
        target = target or f"{PATH}polling" + (f"&sid={sid}" if sid else "")
        data = body.encode() if isinstance(body, str) else body
        self.engine.request(connection, method, target, data, address, self.now)
        self.drain()
        return connection

    def websocket(self, sid: str = "", *, target: str = "", address: str = ADDRESS) -> int:
        """Ask for a WebSocket: to begin, or beside the session that there is."""
        connection = next(self._connections)
        target = target or f"{PATH}websocket" + (f"&sid={sid}" if sid else "")
        self.engine.ask_websocket(connection, target, address, self.now)
        self.drain()
        return connection

    def say(self, connection: int, *messages: str | bytes) -> None:
        for message in messages:
            self.engine.message(connection, message, self.now)
        self.drain()

    def lose(self, connection: int) -> None:
        self.engine.lost(connection, self.now)
        self.drain()

    # What others do

    def send(self, session: int, *messages: str | bytes) -> None:
        self.engine.send(session, messages)
        self.drain()

    def wait(self, seconds: float) -> None:
        """Let time pass, and the engine be woken when it wants to be."""
        until = self.now + seconds
        while (at := self.engine.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.engine.handle_timer(self.now)
            self.drain()
        self.now = until

    def drain(self) -> None:
        while (event := self.engine.next_event()) is not None:
            self.told.append(event)
        while (effect := self.engine.next_effect()) is not None:
            self.done.append(effect)

    # What came of it

    def effects(self) -> list[Effect]:
        """What was to be done since the last look."""
        done, self.done = self.done, []
        return done

    def events(self) -> list[Event]:
        """What happened since the last look."""
        told, self.told = self.told, []
        return told

    def answers(self) -> dict[int, tuple[int, str]]:
        """How requests were answered since the last look, by connection."""
        done = self.effects()
        return {
            each.connection: (each.status, each.body.decode())
            for each in done
            if isinstance(each, Respond)
        }

    def answers_to(self, connection: int) -> list[tuple[int, str]]:
        """The same for one connection."""
        answer = self.answers().get(connection)
        return [] if answer is None else [answer]

    def heard(self) -> list[str | bytes]:
        """What was received since the last look."""
        return [each.data for each in self.events() if isinstance(each, Received)]

    def ended(self) -> list[str]:
        """How sessions ended since the last look."""
        return [each.ending.name for each in self.events() if isinstance(each, Ended)]

    # Usual beginnings

    def polling(self) -> str:
        """Begin a session by polling; return its sid. The first one has the number 1."""
        before = self.engine.count
        self.get()
        assert self.engine.count == before + 1
        self.effects(), self.events()
        return f"sid{self.engine._numbers}"

    def upgraded(self) -> tuple[str, int]:
        """Begin a session that has been upgraded; return its sid and the WebSocket."""
        sid = self.polling()
        connection = self.websocket(sid)
        self.say(connection, "2probe", "5")
        self.effects(), self.events()
        return sid, connection

    def on_websocket(self) -> int:
        """Begin a session on a WebSocket; return that."""
        connection = self.websocket()
        self.effects(), self.events()
        return connection
