"""Kits: what the gate offers in a vendor's form, and running what the vendor's model wants.

The policy decides about each call, a person is asked where it says so, and the model is told how
it ended: a denial, an expiry or a failure is an answer to the model like a result is. What is no
answer to it, a gateway that can't be reached or a token that is refused, is raised at the program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import anyio
import msgspec

from agentgate_client.client import DEFAULT, AgentGateClient, TimeoutS
from agentgate_client.outcomes import CallResult
from agentgate_client.toolkits.forms import (
    Completions,
    Form,
    Messages,
    Responses,
    Row,
    Rows,
    ToolCall,
    ToolResult,
)
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    OutcomeUnknown,
)
from agentgate_proto.records.outcome import people_say
from agentgate_proto.sessions.material import model_names

NO_OBJECT = "the arguments are no JSON object; nothing was asked for"
IT_ASKS = "A person is asked before it runs."

Call = Callable[[str, dict[str, Any]], Awaitable[CallResult]]


class Kit:
    """The tools of a gate in one form.

    Args:
        form: a vendor's.
        rows: what ``list_tools`` returned.

    Attributes:
        offered: the tools as the vendor takes them, for its argument ``tools``. A name that vendors
            don't take (``house.get_time``) is spelled anew.
    """

    def __init__(self, form: Form, rows: Sequence[Row]) -> None:
        self._form = form
        by_name = {str(row["name"]): row for row in rows}
        self._names = model_names(by_name)
        self.offered: Rows = [
            form.tool(name, description_of(by_name[known]), schema_of(by_name[known]))
            for name, known in sorted(self._names.items())
        ]

    def name_of(self, told: str) -> str:
        """Return the gate's name of a tool by the one that the model was told."""
        return self._names.get(told, told)

    async def run_with(self, call: Call, answer: Any) -> Rows:
        """Do what a model's answer asks for by this function; see ``AsyncKit.run``."""
        wanted = list(self._form.calls(answer))
        done: dict[int, ToolResult] = {}
        broken: list[AgentGateConnectionError] = []

        async def work(place: int, each: ToolCall) -> None:
            try:
                done[place] = await self._done(call, each)
            except AgentGateConnectionError as error:
                broken.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for place, each in enumerate(wanted):
                tasks.start_soon(work, place, each)
        if broken:
            raise broken[0]
        return self._form.results([done[place] for place in range(len(wanted))])

    async def _done(self, call: Call, wanted: ToolCall) -> ToolResult:
        if wanted.args is None:
            return ToolResult(call=wanted.id, text=NO_OBJECT, failed=True)
        try:
            result = await call(self.name_of(wanted.name), wanted.args)
        except AgentGateConnectionError:
            raise
        except AgentGateError as error:
            return ToolResult(call=wanted.id, text=words_for(error), failed=True)
        return ToolResult(call=wanted.id, text=text_of(result))


class AsyncKit(Kit):
    """Base of the kits that are awaited.

    Args:
        gw: asks for the tools.
        rows: what its ``list_tools`` returned, or those of them that the model is to have.
        timeout_s: how long each tool may take; None: as long as it takes.
    """

    form: Form

    def __init__(
        self, gw: AgentGateClient, rows: Sequence[Row], *, timeout_s: TimeoutS = DEFAULT
    ) -> None:
        super().__init__(self.form, rows)
        self._call = partial(gw.ask, timeout_s=timeout_s)

    async def run(self, answer: Any) -> Rows:
        """Do what a model's answer asks for, all of it at the same time.

        Args:
            answer: the message (OpenAI's responses: the response), as the vendor's SDK has it or as
                a dictionary.

        Returns:
            What is to follow it in the conversation; nothing: the model wants nothing more done.

        Raises:
            AgentGateConnectionError: the gate can't be asked; whatever else goes wrong the model is
                told.
        """
        return await self.run_with(self._call, answer)


class OpenAITools(AsyncKit):
    """For OpenAI's chat completions, and for whatever speaks like them."""

    form = Completions()


class ResponsesTools(AsyncKit):
    """For OpenAI's responses."""

    form = Responses()


class AnthropicTools(AsyncKit):
    """For Anthropic's messages."""

    form = Messages()


def description_of(row: Row) -> str:
    """Say what a tool does, and whether it takes a person."""
    description = str(row.get("description", ""))
    asks = IT_ASKS if row.get("decision") == "ask" else ""
    return " ".join(text for text in (description, asks) if text)


def schema_of(row: Row) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments: vendors want an object, even an empty one."""
    schema = row.get("args")
    return {"type": "object", "properties": {}} | (
        dict(schema) if isinstance(schema, Mapping) else {}
    )


def text_of(result: CallResult) -> str:
    """Write a result for a model, and below it what people have made of its call."""
    data = result.data
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    return below(text, people_say(result.word, as_json(result.edited)))


def words_for(error: AgentGateError) -> str:
    """Say to a model how its call ended, what that means for asking again, and what people have
    made of it."""
    return below(ending(error), people_say(error.word, as_json(error.edited), error.message))


def below(text: str, said: str) -> str:
    """Put what people say below a text."""
    return f"{text}\n\n{said}" if said else text


def as_json(edited: dict[str, Any] | None) -> str | None:
    """Write the arguments that people made; None: there are none."""
    return None if edited is None else msgspec.json.encode(edited).decode()


def ending(error: AgentGateError) -> str:
    """Say how a call ended, and what that means for asking again."""
    match error:
        case AgentGateDenied():
            return f"{error.message} (it did not run)"
        case OutcomeUnknown():
            return f"{error.message} (it may have run: look before you ask again)"
        case _ if error.retry_after_s is not None:
            return f"{error.message} (try again in {error.retry_after_s:g} s)"
        case _:
            return error.message
