"""An HTTP tool: arguments in, one request out, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agentgate_server.backends.circuit_breaker import CircuitBreaker
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.urls import URL_CHARS_MAX
from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.policy.leaves import Path
from agentgate_server.tools.expected import Expected
from agentgate_server.tools.http.answers import Answers, Mask
from agentgate_server.tools.http.arguments import HttpArguments
from agentgate_server.tools.http.files import Backend, Declared, HttpDeclarations
from agentgate_server.tools.http.form import RequestForm
from agentgate_server.tools.http.templates import JsonTemplate, Values, pairs
from agentgate_server.tools.tool import AsyncTool

BACKEND: Final = "http"


@dataclass(frozen=True, slots=True, repr=False)
class Built:
    """A request, ready to be sent."""

    target: str
    headers: list[tuple[str, str]]
    content: bytes


@dataclass(frozen=True, eq=False, kw_only=True)
class HttpTool(AsyncTool):
    """A kind of request to a backend."""

    client: HttpBackend = field(repr=False)
    arguments: HttpArguments = field(repr=False)
    request: RequestForm = field(repr=False)
    body: JsonTemplate | None = field(repr=False)
    answers: Answers = field(repr=False)

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool.check``. The whole request is made, so that policy sees none that can't be."""
        self.bound(args)

    def bound(self, args: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See ``Tool.bound``."""
        values = self.arguments.values(dict(args))
        self.build(values)
        return self.arguments.bound(args, values)

    @property
    def names(self) -> frozenset[str] | None:
        """See ``Tool.names``."""
        return self.arguments.checker.names

    def expected(self, path: Path) -> Expected:
        """See ``Tool.expected``."""
        return self.arguments.checker.expected(path)

    async def run(self, args: dict[str, Any]) -> Any:
        """See ``AsyncTool.run``."""
        built = self.build(self.arguments.values(args))
        answer = await self.client.request(
            self.request.method,
            built.target,
            headers=built.headers,
            content=built.content,
            timeout_s=self.timeout_s if isinstance(self.timeout_s, float) else None,
            bytes_max=self.answers.form.bytes_max,
            effects=self.effects,
        )
        result = self.answers.result(answer)
        return {"status": answer.status} if self.request.method == "HEAD" else result

    @property
    def circuits(self) -> tuple[CircuitBreaker, ...]:
        """See ``Tool.circuits``."""
        return (self.client.circuit,)

    async def aclose(self) -> None:
        """See ``Tool.aclose``. The tools of one backend share its client."""
        await self.client.aclose()

    def build(self, values: Values) -> Built:
        """Put arguments into the request.

        Raises:
            ArgumentError: a value can't stand where it belongs.
        """
        request = self.request
        try:
            target = request.path.path.fill(values)
            query = {name: text.template for name, text in request.query.items()}
            if asked := pairs(query, values):
                target = f"{target}?{asked}"
            headers = [
                (name, text.template.header(values))
                for name, text in request.headers.items()
                if text.template.has(values)
            ]
            kind, content = self.content(values)
        except UnicodeEncodeError:
            raise ArgumentError("an argument has half of a surrogate pair in it") from None
        if len(self.client.base) + len(target) > URL_CHARS_MAX:
            raise ArgumentError(f"the arguments make a URL of more than {URL_CHARS_MAX} characters")
        return Built(target, [*([("Content-Type", kind)] if kind else []), *headers], content)

    def content(self, values: Values) -> tuple[str, bytes]:
        """Return the body and its type; "" if there is none."""
        if self.body is not None:
            return "application/json", msgspec.json.encode(self.body.fill(values))
        if self.request.form:
            form = {name: text.template for name, text in self.request.form.items()}
            return "application/x-www-form-urlencoded", pairs(form, values).encode()
        if self.request.text is not None:
            return "text/plain; charset=utf-8", self.request.text.template.text(values).encode()
        return "", b""


def http_tools(declared: HttpDeclarations, mask: Mask = str) -> list[HttpTool]:
    """Make the tools of all files; nothing is connected to yet. Close each of them at the end.

    Args:
        declared: what the files say.
        mask: hides secrets in a text.

    Raises:
        ToolError: the authorities of a backend can't be read.
    """
    clients = {name: client_of(each) for name, each in declared.backends.items()}
    return [
        tool_of(each, declared.backends[each.form.backend], clients[each.form.backend], mask)
        for each in declared.tools
    ]


def tool_of(declared: Declared, backend: Backend, client: HttpBackend, mask: Mask) -> HttpTool:
    """Make one tool."""
    form, options = declared.form, backend.options
    arguments = HttpArguments(form.arguments)
    return HttpTool(
        name=declared.name,
        description=form.description,
        effects=form.effects,
        schema=arguments.schema,
        backend=BACKEND,
        origin=declared.origin,
        timeout_s=options.timeout_s if form.timeout_s is None else form.timeout_s,
        concurrency_max=options.connections_max,
        bulkhead=f"backend {options.name}",
        queue_max=backend.queue_max,
        args_bytes_max=form.args_bytes_max,
        client=client,
        arguments=arguments,
        request=form.request,
        body=declared.body,
        answers=Answers(options.name, form.effects, form.response, mask),
    )


def client_of(backend: Backend) -> HttpBackend:
    """Make the client of a backend."""
    try:
        return HttpBackend(backend.options)
    except OSError as error:
        raise ToolError(
            f"{backend.origin}: 'ca' can't be used: {error.strerror or error}; give a PEM file"
        ) from error
