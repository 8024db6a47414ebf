"""The form of a file that declares HTTP tools: every key, its type, its default, what it means.

A docstring here speaks to the person who writes the YAML. A key that is not here stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agentgate_proto.records.request import Effects
from agentgate_proto.wire.statuses import LOST
from agentgate_server.backends.circuit_breaker import FAILURES_MAX
from agentgate_server.backends.http_options import (
    ANSWER_BYTES_MAX,
    CONNECT_TIMEOUT_S,
    CONNECTIONS_MAX,
    TIMEOUT_S,
    Redirects,
)
from agentgate_server.documents.spans import SECONDS
from agentgate_server.tools.http.texts import (
    ArgumentName,
    BackendName,
    BackendUrl,
    HeaderName,
    HeaderText,
    NetworkText,
    PathText,
    TemplateText,
    ToolName,
)

QUEUE_MAX = 100
"""Calls that wait for one backend: a dozen seconds of work for a slow one."""

PATTERN_TEXT_CHARS_MAX = 8_192
"""Characters of a text with a pattern, unless ``max`` says: as many as a URL may have."""

Seconds = Annotated[float, Meta(gt=0, le=3_600, extra=SECONDS)]
Status = Annotated[int, Meta(ge=100, le=599)]


class CircuitForm(msgspec.Struct, frozen=True, kw_only=True):
    """When a backend that fails is left alone."""

    failures_max: Annotated[int, Meta(ge=1, le=1_000)] = FAILURES_MAX
    """Calls in a row that fail before further ones are refused at once. After 1 s one call is let
    through to try; if that fails, after 2 s, 4 s and so on, at most 30 s. Failed means: no
    connection, no answer, or one of ``failing_status``."""

    failing_status: tuple[Status, ...] = ()
    """Statuses by which the server says that it is broken; unless said, 500 to 599. Name fewer
    (``[502, 503, 504]``) if it answers 500 to what only one caller got wrong."""


class BackendForm(msgspec.Struct, frozen=True, kw_only=True):
    """A server that tools talk to."""

    url: BackendUrl
    """Scheme, host, maybe a port and a path that all requests start with:
    ``https://api.example.org/v1``. No argument can change it."""

    headers: dict[HeaderName, HeaderText] = {}
    """Sent with every request. Write ``${TOKEN}`` and keep the token in ``.env``."""

    private: bool = False
    """May be on this machine or in a private network (``192.168.x.x``, ``10.x.x.x`` ...). Without
    it only public addresses are connected to, whatever the host's name resolves to."""

    allow: tuple[NetworkText, ...] = ()
    """Further networks that its address may be in, as in ``[192.168.1.0/24]``."""

    redirects: Redirects = Redirects.NONE
    """Which redirects of a tool whose ``effects`` are ``read`` are followed: ``none``,
    ``same_origin`` (same scheme, host and port), or ``any`` (then elsewhere without the headers
    above, and never from https to http). Every address is checked anew. Those of a ``write`` never
    are, whatever its method."""

    ca: Path | None = None
    """PEM file with the authorities that may vouch for its certificate; default: the system's."""

    timeout_s: Seconds = TIMEOUT_S
    """Seconds that a call may take, waiting for its turn included, unless the tool says."""

    connect_timeout_s: Seconds = CONNECT_TIMEOUT_S
    """Seconds that a connection may take."""

    concurrency_max: Annotated[int, Meta(ge=1, le=1_000)] = CONNECTIONS_MAX
    """Calls of all its tools that run at once, the last quarter of them for agents that have none;
    others wait, each agent in turn."""

    queue_max: Annotated[int, Meta(ge=0, le=10_000)] = QUEUE_MAX
    """Calls that wait; a further one is refused, and told so."""

    circuit: CircuitForm = CircuitForm()
    """When it is left alone."""


class ArgumentForm(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a tool."""

    type: Literal["string", "integer", "number", "boolean", "array", "object"] = "string"
    """What it is in JSON. ``array`` and ``object`` fit only into ``json``, alone in their place."""

    description: str = ""
    """For people and models."""

    required: bool | None = None
    """Whether it must be given; unless said, it must if it has no ``default``."""

    default: Any = msgspec.UNSET
    """What it is if it is not given. Without one, what needs it is left out of the request."""

    enum: tuple[str | int, ...] = ()
    """The values that it may have."""

    pattern: str = ""
    """A regular expression that the whole text must match, as Python writes it, without flags and
    without references back to a group. One that could take too long for some text is refused at the
    start. Unless ``max`` says more or less, the text has at most 8,192 characters."""

    min: float | None = None
    """The least number, or the fewest characters of a text."""

    max: float | None = None
    """The greatest number, or the most characters of a text."""


class RequestForm(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent. ``{name}`` stands for an argument; a plain brace is written twice."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The HTTP method. The result of a HEAD is ``{"status": 200}``."""

    path: PathText
    """After the backend's URL: ``/cities/{city}/now``. An argument is always one segment, or part
    of one."""

    query: dict[str, TemplateText] = {}
    """What comes after ``?``, by name."""

    headers: dict[HeaderName, HeaderText] = {}
    """Further headers; they win over the backend's."""

    json: Any = msgspec.UNSET
    """The body as JSON: any value, with arguments in its texts. A text that is only ``{name}``
    becomes the argument itself, of its own type."""

    form: dict[str, TemplateText] = {}
    """The body as a form, by name."""

    text: TemplateText | None = None
    """The body as plain text: one argument alone, or a fixed text."""

    def __post_init__(self) -> None:
        bodies = [self.json is not msgspec.UNSET, bool(self.form), self.text is not None]
        if sum(bodies) > 1:
            raise ValueError("has more than one body: keep one of json, form and text")
        if any(bodies) and self.method in ("GET", "HEAD"):
            raise ValueError(f"a {self.method} has no body: use query, or another method")
        if self.text is not None and self.text.template.names and not self.text.template.only:
            raise ValueError(
                "text must be one argument alone, or fixed: use json or form to combine values"
            )


class ErrorForm(msgspec.Struct, frozen=True, kw_only=True):
    """A sign of failure in an answer. All that is given must hold."""

    status: tuple[Status, ...] = ()
    """The status is one of these."""

    path: str = ""
    """There is something at this place of the JSON answer, as in ``error.code``, and it is not
    ``null``, ``false``, 0 or empty."""

    equals: Any = msgspec.UNSET
    """It is this value. Needs ``path``."""

    def __post_init__(self) -> None:
        if not self.status and not self.path:
            raise ValueError("needs status or path")
        if self.equals is not msgspec.UNSET and not self.path:
            raise ValueError("equals needs path: the place to look at")


class ResponseForm(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the answer."""

    format: Literal["auto", "json", "text"] = "auto"
    """How the body is read; ``auto`` goes by its ``Content-Type``."""

    take: str = ""
    """The place in a JSON answer that is passed on, names and list indices with dots between them:
    ``current.days.0.temp`` (a dot in a name is written ``\\.``). Unless said, all of it. If it is
    not there, a ``read`` has failed; a ``write`` was done, and its result says what is missing."""

    ok_status: tuple[Status, ...] = ()
    """Statuses besides 200 to 299 that are no failure."""

    error_if: tuple[ErrorForm, ...] = ()
    """Further signs of failure, any of which is enough."""

    unknown_status: tuple[Status, ...] = (302, 303, *LOST)
    """Statuses after which nobody knows whether a ``write`` took effect: redirects by which many
    servers answer what they have done, and those by which a proxy says that it lost the server.
    ``ok_status`` wins."""

    bytes_max: Annotated[int, Meta(ge=1, le=16_000_000)] = ANSWER_BYTES_MAX
    """More of an answer is not read: a ``read`` has failed then, a ``write`` was done, and its
    result says so instead of the answer."""

    def __post_init__(self) -> None:
        if self.format == "text" and (self.take or any(error.path for error in self.error_if)):
            raise ValueError("a text has no places in it: remove format, take or error_if.path")


class HttpToolForm(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: one kind of request."""

    description: Annotated[str, Meta(min_length=1)]
    """What it does, for people and models."""

    backend: BackendName
    """Which server it goes to."""

    effects: Effects = Effects.WRITE
    """``read`` if asking again does no harm; only a GET or HEAD may say so. Otherwise it is a
    ``write``: sent at most once, whatever fails."""

    args: dict[ArgumentName, ArgumentForm] = {}
    """Its arguments. An agent can give no others."""

    request: RequestForm
    """What is sent."""

    response: ResponseForm = ResponseForm()
    """What becomes of the answer."""

    timeout_s: Seconds | None = None
    """Seconds that a call may take, waiting for its turn included; default: the backend's."""

    args_bytes_max: Annotated[int, Meta(ge=1_024, le=1_000_000)] | None = None
    """Bytes that its arguments may have as JSON; default: ``tools.args_bytes_max``."""

    @property
    def arguments(self) -> dict[str, ArgumentForm]:
        """The arguments, by plain names."""
        return {str(name): form for name, form in self.args.items()}

    def __post_init__(self) -> None:
        if self.request.method == "HEAD" and self.response != ResponseForm():
            raise ValueError("the answer to a HEAD has no body: its result is the status")
        if self.effects is Effects.READ and self.request.method not in ("GET", "HEAD"):
            raise ValueError(f"a {self.request.method} can't be declared read: remove effects")


class HttpFile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file. Its tools may use the backends of the other files as well."""

    backends: dict[BackendName, BackendForm] = {}
    """The servers, by name."""

    tools: dict[ToolName, HttpToolForm] = {}
    """The tools, by the names that agents and policies call them."""
