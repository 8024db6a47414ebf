"""Files of HTTP tools: read and checked while the gateway starts, so that a call can't be wrong.

Everything that does not fit together is a ``DocumentError`` with file, line and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agentgate_server.backends.addresses import Reach, literal
from agentgate_server.backends.http_options import SERVER_ERRORS, HttpOptions
from agentgate_server.backends.urls import split_url
from agentgate_server.documents import Document, read_document
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.errors import did_you_mean
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.http.answers import steps_of
from agentgate_server.tools.http.arguments import SCALARS, is_certain, problem_of
from agentgate_server.tools.http.form import ArgumentForm, BackendForm, HttpFile, HttpToolForm
from agentgate_server.tools.http.secrets import (
    Escaped,
    holds_literal_secret,
    ordinary_in_file,
    secrets_in_file,
)
from agentgate_server.tools.http.templates import JsonTemplate, Template


@dataclass(frozen=True, kw_only=True)
class Declared:
    """One tool as declared.

    Attributes:
        name: what agents call it.
        origin: file and line.
        form: all that is said of it.
        body: its JSON body, or None.
    """

    name: str
    origin: str
    form: HttpToolForm = field(repr=False)
    body: JsonTemplate | None = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One backend as declared.

    Attributes:
        options: for its client.
        queue_max: calls that may wait for it.
        origin: file and line.
    """

    options: HttpOptions
    queue_max: int
    origin: str


@dataclass(frozen=True, kw_only=True)
class HttpDeclarations:
    """What all files say together.

    Attributes:
        backends: by name.
        tools: in the order of the files.
        secrets: what to mask wherever it turns up.
        literal: the files in which a secret stands in clear.
        ordinary: variables that are not masked, by the files in which they stand.
    """

    backends: Mapping[str, Backend]
    tools: tuple[Declared, ...]
    secrets: tuple[Secret, ...]
    literal: tuple[Path, ...]
    ordinary: Mapping[Path, tuple[str, ...]]


def read_http_files(paths: Iterable[Path], environment: Mapping[str, str]) -> HttpDeclarations:
    """Read files of HTTP tools.

    Args:
        paths: the files; relative paths in one start at its folder.
        environment: where ``${VAR}`` is looked up.

    Raises:
        DocumentError: a file can't be used, or they do not fit together.
    """
    files = [
        (path, document, document.decode(HttpFile))
        for path in paths
        for document in [read_document(path, environment=Escaped(environment))]
    ]
    backends: dict[str, Backend] = {}
    tools: dict[str, Declared] = {}
    for path, document, form in files:
        for name, backend in form.backends.items():
            place: Place = ("backends", name)
            refuse_second(document, place, backends.get(name))
            options = options_of(document, place, name, backend, path.parent)
            backends[name] = Backend(
                options=options, queue_max=backend.queue_max, origin=origin_of(document, place)
            )
    for _, document, form in files:
        for tool_name, tool in form.tools.items():
            place = ("tools", tool_name)
            refuse_second(document, place, tools.get(tool_name))
            if tool.backend not in backends:
                hint = did_you_mean(tool.backend, backends)
                raise document.error((*place, "backend"), f"no backend has this name{hint}")
            body = check_tool(document, place, tool)
            origin = origin_of(document, place)
            # A plain text: what is stored and sent takes no other kind.
            tools[tool_name] = Declared(name=str(tool_name), origin=origin, form=tool, body=body)
    secrets = (each for _, document, _ in files for each in secrets_in_file(document, environment))
    return HttpDeclarations(
        backends=backends,
        tools=tuple(tools.values()),
        secrets=tuple(dict.fromkeys(secrets)),
        literal=tuple(path for path, document, _ in files if holds_literal_secret(document)),
        ordinary={
            path: tuple(dict.fromkeys(ordinary_in_file(document, environment)))
            for path, document, _ in files
        },
    )


def options_of(
    document: Document, place: Place, name: str, form: BackendForm, folder: Path
) -> HttpOptions:
    """Make the options of a backend's client."""
    for header, text in form.headers.items():
        if text.template.names:
            message = "takes no arguments: give it to the tools, under request.headers"
            raise document.error((*place, "headers", header), message)
    ca = None if form.ca is None else folder / form.ca.expanduser()
    if ca is not None and not ca.is_file():
        raise document.error((*place, "ca"), "file not found: give the path of a PEM file")
    reach = Reach(private=form.private, allow=tuple(text.network for text in form.allow))
    origin, _ = split_url(form.url)
    address = literal("127.0.0.1" if origin.host == "localhost" else origin.host)
    if address is not None and (kind := reach.refusal(address)):
        hint = "'private: true'" if Reach(private=True).refusal(address) == "" else "'allow'"
        raise document.error(
            (*place, "url"),
            f"is a {kind} address, which is not reached unless it is allowed: add {hint}",
        )
    return HttpOptions(
        name=str(name),
        url=str(form.url),
        headers={str(key): Secret(text.template.text({})) for key, text in form.headers.items()},
        reach=reach,
        redirects=form.redirects,
        ca=ca,
        timeout_s=form.timeout_s,
        connect_timeout_s=form.connect_timeout_s,
        connections_max=form.concurrency_max,
        failures_max=form.circuit.failures_max,
        failing=form.circuit.failing_status or SERVER_ERRORS,
    )


def check_tool(document: Document, place: Place, form: HttpToolForm) -> JsonTemplate | None:
    """See whether a tool's parts fit together, and parse its JSON body."""
    arguments, request = form.arguments, form.request
    for name, argument in arguments.items():
        if problem := problem_of(argument):
            raise document.error((*place, "args", name), problem)
    body = None
    try:
        if request.json is not msgspec.UNSET:
            body = JsonTemplate(request.json)
    except ValueError as error:
        raise document.error((*place, "request", "json"), str(error)) from error
    used: set[str] = set()
    for where, names, kind in uses_of(form, body):
        for name in names:
            used.add(name)
            check_use(document, (*place, "request", *where), name, arguments, kind)
    for name in arguments:
        if name not in used:
            message = f"is not used: write {{{name}}} somewhere in request, or remove it"
            raise document.error((*place, "args", name), message)
    paths: list[tuple[Place, str]] = [(("take",), form.response.take)]
    paths += [
        (("error_if", index, "path"), error.path)
        for index, error in enumerate(form.response.error_if)
    ]
    for where, path in paths:
        try:
            steps_of(path)
        except ValueError as error:
            raise document.error((*place, "response", *where), str(error)) from error
    return body


ANY, TEXT, CERTAIN = "any", "text", "certain"


def uses_of(
    form: HttpToolForm, body: JsonTemplate | None
) -> Iterator[tuple[Place, tuple[str, ...], str]]:
    """Yield where arguments are used: the place, their names, and what they must be there."""
    request = form.request
    yield ("path",), request.path.path.names, CERTAIN
    groups: dict[str, Mapping[str, Template]] = {
        "query": {name: text.template for name, text in request.query.items()},
        "headers": {name: text.template for name, text in request.headers.items()},
        "form": {name: text.template for name, text in request.form.items()},
    }
    for group, templates in groups.items():
        for name, template in templates.items():
            yield (group, name), template.names, TEXT
    if request.text is not None:
        yield ("text",), request.text.template.names, CERTAIN
    if body is not None:
        yield ("json",), body.wholes, CERTAIN if isinstance(body.value, Template) else ANY
        yield ("json",), body.parts, TEXT


def check_use(
    document: Document, place: Place, name: str, args: Mapping[str, ArgumentForm], kind: str
) -> None:
    """See whether an argument fits where it is used.

    Raises:
        DocumentError: it does not.
    """
    form = args.get(name)
    if form is None:
        hint = did_you_mean(name, args) or "; declare it under args"
        raise document.error(place, f"there is no argument {name!r}{hint}")
    if kind == CERTAIN and not is_certain(form):
        raise document.error(
            place, f"argument {name!r} is needed here: make it required, or give it a default"
        )
    whole = kind == CERTAIN and place[-1] == "json"
    if kind != ANY and not whole and (form.type not in SCALARS or form.default is None):
        raise document.error(
            place, f"argument {name!r} must be a text, a number or true or false here"
        )


def refuse_second(document: Document, place: Place, known: Declared | Backend | None) -> None:
    """Refuse a name that another file has taken."""
    if known is not None:
        raise document.error(place, f"this name is taken by {known.origin}: choose another")


def origin_of(document: Document, place: Place) -> str:
    """Say where something stands."""
    return f"{document.name}:{document.line_of(place)}"
