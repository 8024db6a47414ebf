"""A stand-in for Home Assistant: its REST API over real HTTP, in front of a make-believe home.

After the reference of the REST API (developers.home-assistant.io/docs/api/rest) and the behaviour
of its ``api`` component: texts of errors, who answers what, and when a service call is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Self

import anyio
import msgspec
from anyio.abc import TaskGroup

from agentgate_cli.standins.companion import Phones, with_phones
from agentgate_cli.standins.home import UNAVAILABLE, Entity, Home, make_home
from agentgate_cli.standins.home_assistant_socket import CUT, Refused, Sockets
from agentgate_cli.standins.home_records import answer_of, config_of
from agentgate_cli.standins.home_schemas import (
    TARGET_KEYS,
    TARGETS,
    responded,
    what_is_wrong,
)
from agentgate_cli.standins.home_templates import RENDERED
from agentgate_cli.standins.http_server import (
    HttpRequest,
    HttpResponse,
    HttpServer,
    Takeover,
    json_response,
    text_response,
)
from agentgate_server.policy.naming import OWN_DOMAIN_ONLY
from agentgate_server.tools.home_assistant import templates

SERVICES: Final[dict[str, dict[str, str]]] = {
    "light": {"turn_on": "on", "turn_off": "off", "toggle": ""},
    "switch": {"turn_on": "on", "turn_off": "off", "toggle": ""},
    "lock": {"lock": "locked", "unlock": "unlocked", "open": "open"},
    "cover": {"open_cover": "open", "close_cover": "closed"},
    "climate": {"turn_off": "off", "turn_on": "heat", "set_temperature": ""},
    "homeassistant": {"turn_on": "on", "turn_off": "off", "toggle": ""},
    "scene": {"turn_on": "", "apply": ""},
    "script": {"turn_on": "", "open_up": ""},
    "notify": {"notify": ""},
    "camera": {"turn_on": "streaming", "turn_off": "idle"},
    "media_player": {"turn_on": "on", "turn_off": "off"},
}
"""What may be called, and the state that it leads to ("": none that shows)."""

RESPONSE: Final = {"done": True}
"""What a service that responds says."""

LIMIT_S: Final = 10.0
"""After so long old versions of Home Assistant answer a service call, done or not."""

OUTPUT_CHARS_MAX: Final = 262_144
"""A template that renders to more is refused (``MAX_TEMPLATE_OUTPUT``)."""

PICTURE: Final = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
"""What every camera sees."""

BAD_REQUEST: Final = text_response("400: Bad Request", 400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that arrived.

    Attributes:
        kind: ``service``, ``event``, ``template``, ``states``, ``records`` or ``api``.
        name: ``light.turn_on``, the event's type, the entity's id, the target, or "".
        data: its body.
    """

    kind: str
    name: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class HomeAssistant:
    """The stand-in, as an async context manager.

    Args:
        home: what it stands in front of; None: :func:`make_home`.
        token: the long-lived access token that it takes.
        port: see :class:`HttpServer`.

    Attributes:
        calls: all that came with the right token, in order.
        delays: seconds that a service takes, by its name.
        limit_s: answer a service call after so long whatever it does; None: as newer versions do.
        fault: answers a request in its place, or returns None to let it pass; for tests.
        dropped: names of services after whose call the connection breaks.
        is_administrator: the user of the token is one, who alone may render templates.
        sockets: what speaks over its WebSocket.
        phones: those with its app.
    """

    def __init__(self, home: Home | None = None, *, token: str, port: int = 0) -> None:
        self.home = home or make_home()
        self.token = token
        self.calls: list[Call] = []
        self.delays: dict[str, float] = {}
        self.limit_s: float | None = LIMIT_S
        self.fault: Callable[[HttpRequest], HttpResponse | None] | None = None
        self.dropped: set[str] = set()
        self.is_administrator = True
        self.server = HttpServer(self.answer, port)
        self.sockets = Sockets(lambda: self.home, token, self.call, self.fire)
        self.phones = Phones(self.sockets.tell_event)
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    @property
    def acts(self) -> list[Call]:
        """The calls that were meant to do something."""
        return [call for call in self.calls if call.kind in ("service", "event")]

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._tasks = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(self._tasks.cancel_scope.cancel)
            await stack.enter_async_context(self.server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def answer(self, request: HttpRequest) -> HttpResponse | Takeover | None:
        """Answer one request."""
        if self.fault is not None and (faulty := self.fault(request)) is not None:
            return faulty
        if request.target == "/api/websocket":
            if request.headers.get("upgrade", "").lower() != "websocket":
                return BAD_REQUEST
            return Takeover(speak=lambda stream, data: self.sockets.speak(stream, request, data))
        if len(request.segments) == 3 and request.segments[1].endswith("_proxy"):
            return self.picture_of(request)
        if request.segments == ("manifest.json",):
            return json_response({"name": "Home Assistant", "start_url": "/?homescreen=1"})
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return text_response("401: Unauthorized", 401)
        return await self.served(request)

    async def served(self, request: HttpRequest) -> HttpResponse | None:
        """Answer one request that came with the right token."""
        services = with_phones(SERVICES, self.phones.phones)
        told = answer_of(self.home.records, self.home.state_of, services, request)
        if told is not None:
            self.calls.append(Call(kind="records", name=request.target))
            return told
        match (request.method, *request.segments):
            case ("GET", "api", ""):
                self.calls.append(Call(kind="api"))
                return json_response({"message": "API running."})
            case ("GET", "api", "config"):
                return config_of(self.home.records, self.sockets.version)
            case ("POST", "api", "template") if not self.is_administrator:
                return text_response("401: Unauthorized", 401)
            case ("GET", "api", "states"):
                self.calls.append(Call(kind="states"))
                return json_response([each.as_json() for each in self.home.entities.values()])
            case ("GET", "api", "states", entity_id):
                self.calls.append(Call(kind="states", name=entity_id))
                return self.state_of(entity_id)
            case ("POST", "api", "services", domain, service):
                return await self.call_service(domain, service, request)
            case ("POST", "api", "events", event_type):
                return self.fire_event(event_type, request)
            case ("POST", "api", "template"):
                return self.render(request)
            case (_, "api", "" | "states" | "services" | "events" | "template", *_):
                return text_response("405: Method Not Allowed", 405)
        return text_response("404: Not Found", 404)

    def knows(self, domain: str, service: str) -> bool:
        """Whether there is such a service."""
        is_phone = domain == "notify" and service in self.phones.phones
        return is_phone or service in SERVICES.get(domain, {})

    def state_of(self, entity_id: str) -> HttpResponse:
        """Answer with one state."""
        entity = self.home.entities.get(entity_id.lower())
        if entity is None:
            return json_response({"message": "Entity not found."}, 404)
        return json_response(entity.as_json())

    def picture_of(self, request: HttpRequest) -> HttpResponse:
        """Answer with a picture. The entity's own token is enough, as for an image in a page."""
        entity = self.home.entities.get(request.segments[2])
        allowed = request.headers.get("authorization") == f"Bearer {self.token}"
        if entity is None or not entity.token:
            return text_response("404: Not Found", 404)
        if not allowed and request.query.get("token") != entity.token:
            return text_response("403: Forbidden", 403)
        return HttpResponse(body=PICTURE, headers={"content-type": "image/gif"})

    def fire_event(self, event_type: str, request: HttpRequest) -> HttpResponse:
        """Take an event; nobody listens."""
        try:
            data = msgspec.json.decode(request.body) if request.body else {}
        except msgspec.DecodeError:
            return json_response({"message": "Event data should be valid JSON."}, 400)
        if not isinstance(data, dict):
            return json_response({"message": "Event data should be a JSON object"}, 400)
        self.fire(event_type, data)
        return json_response({"message": f"Event {event_type} fired."})

    def fire(self, event_type: str, data: dict[str, Any]) -> None:
        """Take an event; nobody listens."""
        self.calls.append(Call(kind="event", name=event_type, data=data))

    async def call_service(
        self, domain: str, service: str, request: HttpRequest
    ) -> HttpResponse | None:
        """Call a service, and answer when it is done or ``limit_s`` is over."""
        try:
            data = msgspec.json.decode(request.body) if request.body else {}
        except msgspec.DecodeError:
            return json_response({"message": "Data should be valid JSON."}, 400)
        name = f"{domain}.{service}"
        if not self.knows(domain, service) or not isinstance(data, dict):
            return BAD_REQUEST
        if what_is_wrong(domain, data):
            return BAD_REQUEST
        responds = "return_response" in request.query
        if responds and domain != "script":
            text = "Service does not support responses. Remove return_response from request."
            return json_response({"message": text}, 400)
        self.calls.append(Call(kind="service", name=name, data=data))
        if name in self.dropped:
            return None
        changed: list[dict[str, Any]] = []
        done = anyio.Event()
        # In a task of its own: a service goes on when its caller hangs up.
        self._tasks.start_soon(self.run_service, domain, service, data, changed, done)
        with anyio.move_on_after(self.limit_s):
            await done.wait()
        if responds:
            return json_response({"changed_states": changed, "service_response": RESPONSE})
        return json_response(changed)

    async def call(
        self, domain: str, service: str, data: dict[str, Any], responds: bool, context: str
    ) -> Any:
        """Call a service that was asked for over the WebSocket, which tells what is wrong.

        Raises:
            Refused: nothing was done.
        """
        name = f"{domain}.{service}"
        if name in self.home.records.responses:
            return responded(self.home.records, name, data, responds)
        if not self.knows(domain, service):
            raise Refused("not_found", f"Service {name} not found.")
        if words := what_is_wrong(domain, data):
            raise Refused("invalid_format", words)
        if domain in OWN_DOMAIN_ONLY and not TARGETS & data.keys():
            text = f"must contain at least one of {', '.join(TARGET_KEYS)}."
            raise Refused("invalid_format", text)
        if responds and domain != "script":
            text = (
                "Validation error: An action which does not return responses can't be called with "
                "return_response=True"
            )
            raise Refused("service_validation_error", text)
        self.calls.append(Call(kind="service", name=name, data=data))
        if name in self.dropped:
            return CUT
        done = anyio.Event()
        self._tasks.start_soon(self.run_service, domain, service, data, [], done, context)
        await done.wait()
        return RESPONSE if responds else None

    async def run_service(
        self,
        domain: str,
        service: str,
        data: dict[str, Any],
        changed: list[dict[str, Any]],
        done: anyio.Event,
        context: str = "",
    ) -> None:
        """Do what a service does, after the time that it takes."""
        await anyio.sleep(self.delays.get(f"{domain}.{service}", 0))
        if domain == "notify" and service in self.phones.phones:
            self.phones.phones[service].notify(data)
        for name in self.home.targets(data):
            entity = self.home.entities[name]
            is_meant = domain in (entity.domain, "homeassistant")
            if is_meant and entity.state != UNAVAILABLE:
                state = next_state(entity, service)
                if state not in ("", entity.state):
                    entity.set_state(state)
                    changed.append(entity.as_json())
        await self.sockets.tell(context)
        done.set()

    def render(self, request: HttpRequest) -> HttpResponse:
        """Render one of the templates that the gateway sends."""
        try:
            asked = msgspec.json.decode(request.body)
            text, page = asked["template"], asked.get("variables", {})
        except (msgspec.DecodeError, TypeError, KeyError):
            return json_response({"message": "Invalid JSON specified."}, 400)
        if text not in RENDERED or not {"after", "count"} <= page.keys():
            return template_error("UndefinedError: not known to the stand-in")
        self.calls.append(Call(kind="template", name=text))
        found = [row for row in RENDERED[text](self.home) if row[0] > page["after"]]
        if text == templates.FORMER:
            found = [row for row in found if row[0] in page["former"]]
        found = sorted(found, key=lambda row: row[0])[: page["count"]]
        rendered = msgspec.json.encode(found).decode()
        if len(rendered) > OUTPUT_CHARS_MAX:
            return template_error(
                f"TemplateError: Template output exceeded maximum size of {OUTPUT_CHARS_MAX}"
                " characters"
            )
        return text_response(rendered)


def template_error(error: str) -> HttpResponse:
    """Refuse to render a template."""
    return json_response({"message": f"Error rendering template: {error}"}, 400)


def next_state(entity: Entity, service: str) -> str:
    """Return the state that a service of an entity's domain leads to; "": none."""
    known = SERVICES.get(entity.domain, {})
    if service == "toggle" and service in known:
        return "off" if entity.state == "on" else "on"
    return known.get(service, "")
