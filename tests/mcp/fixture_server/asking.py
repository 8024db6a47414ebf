"""Tools that talk while they run: log, tell of progress, or ask their client something.

In the modern era a question is the answer to a call, and the client calls again with what it was
told. What a tool must know then is in ``requestState``, with a keyed hash that nobody can forge.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    PromptsListChanged,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS as MODERN
from tests.mcp.fixture_server.plain import NOTHING, text

Context = ServerRequestContext[Any, Any]
Params = types.CallToolRequestParams
Result = dict[str, Any]
Tool = Callable[[Context, Params], Awaitable[Result]]

KEY: Final = b"a fixture has nothing to hide"
PAUSE_S: Final = 0.05
LONG_S: Final = 1.5
"""The gate begins a stream for what takes longer than a second."""

MISSING_CAPABILITY: Final = -32021
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

TOOLS: Final[dict[str, Tool]] = {}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {}
"""By the names of the tools."""

BUS: Final = InMemorySubscriptionBus()


def tool(arguments: dict[str, Any] | None = None) -> Callable[[Tool], Tool]:
    """Offer a function as the tool of its name; ``arguments``: their schemas, all of them asked
    for."""

    def offer(function: Tool) -> Tool:
        name = function.__name__
        TOOLS[name] = function
        SCHEMAS[name] = NOTHING
        if arguments is not None:
            required = sorted(arguments)
            SCHEMAS[name] = {"type": "object", "properties": arguments, "required": required}
        return function

    return offer


def said(words: str) -> Result:
    """A result that is a text."""
    return {"content": [text(words)]}


# While it runs


@tool()
async def test_tool_with_logging(context: Context, params: Params) -> Result:
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.session.send_log_message("info", words, related_request_id=context.request_id)
        await asyncio.sleep(PAUSE_S)
    return said("The tool has logged three times.")


@tool()
async def test_logging_tool(context: Context, params: Params) -> Result:
    await context.session.send_log_message("info", "Heard?", related_request_id=context.request_id)
    return said("The tool has logged once.")


@tool()
async def test_tool_with_progress(context: Context, params: Params) -> Result:
    for progress in (0, 50, 100):
        await context.session.report_progress(progress, 100, f"Completed {progress} of 100")
        await asyncio.sleep(PAUSE_S)
    return said("The tool has told of its progress three times.")


@tool()
async def test_reconnection(context: Context, params: Params) -> Result:
    if context.close_sse_stream is not None:
        await context.close_sse_stream()
    await asyncio.sleep(LONG_S)
    return said("The stream was closed meanwhile.")


@tool({"region": {"type": "string", "x-mcp-header": "Region"}})
async def test_x_mcp_header(context: Context, params: Params) -> Result:
    return said(f"region: {(params.arguments or {}).get('region')}")


SCHEMAS["test_x_mcp_header"] = SCHEMAS["test_x_mcp_header"] | {"required": []}


@tool()
async def test_missing_capability(context: Context, params: Params) -> Result:
    able = context.session.client_capabilities
    if able is None or able.sampling is None:
        needed = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_CAPABILITY, "This tool asks the client's model", needed)
    return said("The client has a model.")


@tool()
async def test_trigger_tool_change(context: Context, params: Params) -> Result:
    await BUS.publish(ToolsListChanged())
    return said("The tools have changed.")


@tool()
async def test_trigger_prompt_change(context: Context, params: Params) -> Result:
    await BUS.publish(PromptsListChanged())
    return said("The prompts have changed.")


# Questions in both eras: in the midst of a call, or as its answer


@tool({"prompt": {"type": "string"}})
async def test_sampling(context: Context, params: Params) -> Result:
    prompt = (params.arguments or {})["prompt"]
    if context.protocol_version in MODERN:
        answers = told(params, "model")
        if answers is None:
            return needs({"model": ask_model(prompt)})
        return said(f"LLM response: {answers['model'].get('content')}")
    message = types.SamplingMessage.model_validate({"role": "user", "content": text(prompt)})
    answer = await context.session.create_message(
        [message], max_tokens=100, related_request_id=context.request_id
    )
    return said(f"LLM response: {answer.content}")


async def form(
    context: Context, params: Params, message: str, properties: dict[str, Any]
) -> Result:
    """Have the client's user fill in a form."""
    schema = {"type": "object", "properties": properties, "required": sorted(properties)}
    if context.protocol_version in MODERN:
        answers = told(params, "form")
        if answers is None:
            wanted = {"mode": "form", "message": message, "requestedSchema": schema}
            return needs({"form": {"method": "elicitation/create", "params": wanted}})
        action, content = answers["form"]["action"], answers["form"].get("content")
    else:
        answer = await context.session.elicit_form(message, schema, context.request_id)
        action, content = answer.action, answer.content
    return said(f"User response: action={action}, content={json.dumps(content)}")


@tool({"message": {"type": "string"}})
async def test_elicitation(context: Context, params: Params) -> Result:
    properties = {"response": {"type": "string", "description": "User's response"}}
    return await form(context, params, (params.arguments or {})["message"], properties)


@tool()
async def test_elicitation_sep1034_defaults(context: Context, params: Params) -> Result:
    status = ["active", "inactive", "pending"]
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": status, "default": status[0]},
        "verified": {"type": "boolean", "default": True},
    }
    return await form(context, params, "Who are you?", properties)


@tool()
async def test_elicitation_sep1330_enums(context: Context, params: Params) -> Result:
    plain = ["option1", "option2", "option3"]
    titled = [
        {"const": f"value{number}", "title": f"{name} Option"}
        for number, name in enumerate(("First", "Second", "Third"), 1)
    ]
    old = ["opt1", "opt2", "opt3"]
    properties = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": titled},
        "legacyEnum": {
            "type": "string",
            "enum": old,
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": titled}},
    }
    return await form(context, params, "Which ones?", properties)


# Questions of the modern era


def sealed(state: Any) -> str:
    """A state that comes back as it went out, or not at all."""
    plain = json.dumps(state)
    return f"{hmac.digest(KEY, plain.encode(), 'sha256').hex()}.{plain}"


def unsealed(params: Any) -> Any:
    """The state that came back; None: there is none."""
    if params.request_state is None:
        return None
    mac, _, plain = params.request_state.partition(".")
    if not hmac.compare_digest(mac, hmac.digest(KEY, plain.encode(), "sha256").hex()):
        raise MCPError(INVALID_PARAMS, "the requestState is not what was given out")
    return json.loads(plain)


def fill_in(message: str, **properties: str) -> dict[str, Any]:
    """A form, as a question."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": sorted(properties),
    }
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


def ask_model(words: str) -> dict[str, Any]:
    """A question for the client's model."""
    messages = [{"role": "user", "content": text(words)}]
    params = {"messages": messages, "maxTokens": 100}
    return {"method": "sampling/createMessage", "params": params}


ROOTS: Final = {"method": "roots/list"}


def needs(questions: dict[str, Any], state: Any = None) -> Result:
    """A result that asks."""
    result = {"resultType": "input_required", "inputRequests": questions}
    return result if state is None else result | {"requestState": sealed(state)}


def told(params: Any, *names: str) -> dict[str, Any] | None:
    """What was answered to these; None: not all were, or not in their form."""
    answers = params.input_responses or {}
    found = {}
    for name in names:
        if name not in answers:
            return None
        answer = answers[name]
        found[name] = answer.model_dump(by_alias=True) if hasattr(answer, "model_dump") else answer
    return found


@tool()
async def test_input_required_result_elicitation(context: Context, params: Params) -> Result:
    answers = told(params, "user_name")
    if answers is None:
        return needs({"user_name": fill_in("What is your name?", name="string")})
    return said(f"Hello, {(answers['user_name'].get('content') or {}).get('name', 'stranger')}!")


@tool()
async def test_streaming_elicitation(context: Context, params: Params) -> Result:
    if told(params, "user_name") is None:
        await context.session.report_progress(1, 2, "About to ask")
        return needs({"user_name": fill_in("What is your name?", name="string")})
    return said("It was answered.")


@tool()
async def test_input_required_result_sampling(context: Context, params: Params) -> Result:
    answers = told(params, "capital")
    if answers is None:
        return needs({"capital": ask_model("What is the capital of France?")})
    return said(f"The model said: {answers['capital'].get('content')}")


@tool()
async def test_input_required_result_list_roots(context: Context, params: Params) -> Result:
    answers = told(params, "roots")
    if answers is None:
        return needs({"roots": ROOTS})
    return said(f"The client has {len(answers['roots'].get('roots', []))} roots.")


@tool()
async def test_input_required_result_request_state(context: Context, params: Params) -> Result:
    if told(params, "confirm") is None or unsealed(params) != "asked":
        return needs({"confirm": fill_in("Is that right?", ok="boolean")}, "asked")
    return said("state-ok: it was confirmed")


@tool()
async def test_input_required_result_multiple_inputs(context: Context, params: Params) -> Result:
    if told(params, "user_name", "greeting", "roots") is None:
        questions = {
            "user_name": fill_in("What is your name?", name="string"),
            "greeting": ask_model("Say hello."),
            "roots": ROOTS,
        }
        return needs(questions, "asked")
    return said("All three are answered.")


@tool()
async def test_input_required_result_multi_round(context: Context, params: Params) -> Result:
    state = unsealed(params)
    name, colour = told(params, "name"), told(params, "colour")
    if state == "named" and name is not None:
        given = (name["name"].get("content") or {}).get("name")
        return needs({"colour": fill_in("Which colour do you like?", color="string")}, [given])
    if isinstance(state, list) and colour is not None:
        liked = (colour["colour"].get("content") or {}).get("color")
        return said(f"{state[0]} likes {liked}.")
    return needs({"name": fill_in("What is your name?", name="string")}, "named")


@tool()
async def test_input_required_result_tampered_state(context: Context, params: Params) -> Result:
    if unsealed(params) is None:
        return needs({"confirm": fill_in("Is that right?", ok="boolean")}, "asked")
    return said("state-ok: it is the one that was given out")


@tool()
async def test_input_required_result_capabilities(context: Context, params: Params) -> Result:
    able = context.session.client_capabilities
    questions = {}
    if able is not None and able.sampling is not None:
        questions["model"] = ask_model("Say hello.")
    if able is not None and able.elicitation is not None:
        questions["user"] = fill_in("What is your name?", name="string")
    return needs(questions, "asked")


# Fixtures of the tasks extension: plain here, and tasks where something in front makes them so


@tool({"name": {"type": "string"}})
async def greet(context: Context, params: Params) -> Result:
    return said(f"Hello, {(params.arguments or {})['name']}!")


@tool({"seconds": {"type": "number"}, "label": {"type": "string"}})
async def slow_compute(context: Context, params: Params) -> Result:
    arguments = params.arguments or {}
    await asyncio.sleep(float(arguments["seconds"]))
    return said(f"{arguments.get('label', 'It')} took {arguments['seconds']} s.")


SCHEMAS["slow_compute"] = SCHEMAS["slow_compute"] | {"required": ["seconds"]}


@tool()
async def failing_job(context: Context, params: Params) -> Result:
    return said("The job has failed.") | {"isError": True}


@tool()
async def protocol_error_job(context: Context, params: Params) -> Result:
    raise MCPError(INTERNAL_ERROR, "The job was never begun")


@tool({"filename": {"type": "string"}})
async def confirm_delete(context: Context, params: Params) -> Result:
    name = (params.arguments or {})["filename"]
    answers = told(params, "confirm")
    if answers is None:
        return needs({"confirm": fill_in(f"Delete {name}?", confirm="boolean")})
    sure = (answers["confirm"].get("content") or {}).get("confirm")
    return said(f"{name} was {'deleted' if sure else 'kept'}.")


@tool()
async def multi_input(context: Context, params: Params) -> Result:
    if told(params, "first", "second") is None:
        questions = {
            name: fill_in(f"The {name} one?", name="string") for name in ("first", "second")
        }
        return needs(questions)
    return said("Both are there.")


@tool()
async def test_tool_with_task(context: Context, params: Params) -> Result:
    answers = told(params, "user_name")
    if answers is None:
        return needs({"user_name": fill_in("What is your name?", name="string")})
    await asyncio.sleep(4 * PAUSE_S)
    return said(f"Hello, {(answers['user_name'].get('content') or {}).get('name')}!")
