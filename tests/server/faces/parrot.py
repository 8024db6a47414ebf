"""A face that uses every door: it says back what it is told, in all ways that there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel

from agentgate_proto.connection.events import Closed, HttpRequested, MessageReceived, UpgradeAsked
from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.principal import Principal
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused
from agentgate_server.faces.event_stream import EventStream
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.static_files import StaticFiles
from agentgate_server.sockets.peer import Peer

SITE = Path(__file__).parents[2] / "standins" / "parrot_site"
BODY_MAX = 200_000
MESSAGE_MAX = 5_000


class Parrot:
    """The face.

    Attributes:
        heard: what came, as words.
        sent: events that each stream has handed over.
        streams: those that are under way.
    """

    name = "parrot"
    routes: Sequence[Route] = (
        Route(
            face="parrot",
            path="/parrot/say",
            methods=frozenset({"POST"}),
            body_bytes_max=BODY_MAX,
            cors=True,
        ),
        Route(face="parrot", path="/parrot/stream", methods=frozenset({"GET"})),
        Route(face="parrot", path="/parrot/site/{path*}", methods=frozenset({"GET"})),
        Route(
            face="parrot",
            path="/parrot/{mode}/talk",
            websocket=True,
            binary=True,
            message_bytes_max=MESSAGE_MAX,
        ),
    )

    def __init__(self, around: Surroundings, *, is_open: bool = False) -> None:
        self.around = around
        self.is_open = is_open
        self.site = StaticFiles(SITE, immutable=frozenset({"assets/app.js"}))
        self.heard: list[str] = []
        self.sent = 0
        self.streams = 0

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        match event:
            case HttpRequested():
                self._requested(peer, event)
            case UpgradeAsked():
                self._asked(peer, event)
            case MessageReceived(data=data):
                peer.connection.send_message(data)
            case Closed(code=code, reason=reason):
                self.heard.append(f"closed {code} {reason}".strip())

    def _requested(self, peer: Peer, request: HttpRequested) -> None:
        is_stream = request.route is not None and request.route.path == "/parrot/stream"
        who = self.around.entrance.ask(peer, request, is_open=self.is_open, is_lasting=is_stream)
        if isinstance(who, Refused):
            peer.connection.send_http(
                who.status, who.reason.encode(), "text/plain; charset=utf-8", who.headers
            )
            return
        assert request.route is not None
        match request.route.path:
            case "/parrot/say":
                headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-from", peer.address)]
                peer.connection.send_http(200, request.body, "application/octet-stream", headers)
            case "/parrot/stream":
                count = int(request.target.partition("count=")[2].partition("&")[0])
                self.around.spawn(self._stream, peer, count)
            case _:
                if not self.site.serve(peer, request, request.values["path"]):
                    peer.connection.send_http(404, b"no such file", "text/plain")

    async def _stream(self, peer: Peer, count: int) -> None:
        self.streams += 1
        try:
            stream = EventStream(peer)
            for number in range(count):
                await stream.send("x" * 10_000, event="squawk", event_id=str(number))
                self.sent += 1
            if count:
                stream.end()
            else:
                await anyio.sleep_forever()
        except ConnectionClosedError as error:
            self.heard.append(f"stream: {error}")
        finally:
            self.streams -= 1

    def _asked(self, peer: Peer, asked: UpgradeAsked) -> None:
        who = self.around.entrance.ask(peer, asked, is_open=self.is_open)
        if isinstance(who, Refused):
            peer.connection.refuse_upgrade(who.status, who.reason, who.headers)
            return
        match asked.values["mode"]:
            case "refuse":
                peer.connection.refuse_upgrade(409, "not now", [("retry-after", "7")])
            case "close":
                peer.connection.accept_upgrade()
                peer.connection.close(4404, "no such bird")
            case "later":
                self.around.spawn(self._accept_later, peer, who)
            case _:
                self._accept(peer, asked, who)

    def _accept(self, peer: Peer, asked: UpgradeAsked, who: Principal) -> None:
        wanted = "parrot.v2" if "parrot.v2" in asked.subprotocols else ""
        peer.connection.accept_upgrade(wanted, [("x-who", who.name)])

    async def _accept_later(self, peer: Peer, who: Principal) -> None:
        await anyio.lowlevel.checkpoint()
        peer.connection.accept_upgrade("", [("x-who", who.name)])
        peer.poke()
