"""Resources, prompts and completions, by the names that the conformance suite knows."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import mcp_types as types
from mcp.shared.exceptions import MCPError
from tests.mcp.fixture_server.asking import Context, Result, fill_in, needs, told
from tests.mcp.fixture_server.plain import IMAGE, PIXEL, embedded, text

TEMPLATE: Final = "test://template/{id}/data"
TEMPLATED = re.compile(r"test://template/([^/]+)/data")
CONTENTS: Final[dict[str, dict[str, str]]] = {
    "test://static-text": {"mimeType": "text/plain", "text": "A text that stays the same."},
    "test://static-binary": {"mimeType": "image/png", "blob": PIXEL},
    "test://watched-resource": {"mimeType": "text/plain", "text": "A text to be watched."},
}
PROMPTS: Final[dict[str, tuple[str, ...]]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
"""Each with the arguments that it needs."""

INVALID_PARAMS: Final = -32602


async def list_resources(context: Context, params: Any) -> types.ListResourcesResult:
    """``resources/list``."""
    found = [
        {"uri": uri, "name": uri, "mimeType": contents["mimeType"]}
        for uri, contents in CONTENTS.items()
    ]
    return types.ListResourcesResult.model_validate({"resources": found})


async def list_templates(context: Context, params: Any) -> types.ListResourceTemplatesResult:
    """``resources/templates/list``."""
    found = {"uriTemplate": TEMPLATE, "name": "template", "mimeType": "application/json"}
    return types.ListResourceTemplatesResult.model_validate({"resourceTemplates": [found]})


async def read_resource(
    context: Context, params: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    """``resources/read``."""
    uri = str(params.uri)
    contents = CONTENTS.get(uri)
    templated = TEMPLATED.fullmatch(uri)
    if templated is not None:
        data = {"id": templated[1], "templateTest": True, "data": f"Data for ID: {templated[1]}"}
        contents = {"mimeType": "application/json", "text": json.dumps(data)}
    if contents is None:
        raise MCPError(INVALID_PARAMS, "Resource not found", {"uri": uri})
    return types.ReadResourceResult.model_validate({"contents": [{"uri": uri} | contents]})


async def watch(context: Context, params: Any) -> types.EmptyResult:
    """``resources/subscribe``, ``resources/unsubscribe``, ``logging/setLevel``."""
    return types.EmptyResult()


async def list_prompts(context: Context, params: Any) -> types.ListPromptsResult:
    """``prompts/list``."""
    found = [
        {
            "name": name,
            "description": f"The prompt {name}",
            "arguments": [{"name": each, "required": True} for each in arguments],
        }
        for name, arguments in PROMPTS.items()
    ]
    return types.ListPromptsResult.model_validate({"prompts": found})


async def get_prompt(
    context: Context, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """``prompts/get``."""
    if params.name not in PROMPTS:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name}")
    contents = prompt_of(params)
    if isinstance(contents, dict):
        return types.InputRequiredResult.model_validate(contents)
    messages = [{"role": "user", "content": each} for each in contents]
    return types.GetPromptResult.model_validate({"messages": messages})


def prompt_of(params: types.GetPromptRequestParams) -> list[dict[str, Any]] | Result:
    """What a prompt says, or what it must know before."""
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            return [text("This is a simple prompt for testing.")]
        case "test_prompt_with_arguments":
            return [text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'")]
        case "test_prompt_with_embedded_resource":
            return [embedded(given["resourceUri"], "text/plain", "A text."), text("Read this.")]
        case "test_prompt_with_image":
            return [IMAGE, text("Look at this.")]
    answers = told(params, "user_context")
    if answers is None:
        return needs({"user_context": fill_in("What is it about?", context="string")})
    return [text(f"It is about {(answers['user_context'].get('content') or {}).get('context')}.")]


async def complete(context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
    """``completion/complete``."""
    found = {"values": [f"{params.argument.value}-completed"], "total": 1, "hasMore": False}
    return types.CompleteResult.model_validate({"completion": found})
