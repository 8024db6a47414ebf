"""Checks of ``sessions``: its models and budgets fit together, its paths are resolved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agentgate_server.config.sessions import (
    ANYBODY,
    WORKSPACES_NAME,
    ModelConfig,
    SessionsConfig,
)
from agentgate_server.config.texts import BaseUrl, ModelName
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.errors import did_you_mean, raise_first
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_secret_name

REHEARSAL = ModelName("rehearsal")
"""The model that is there if no other is."""

BASE_URLS = {
    "anthropic": BaseUrl("https://api.anthropic.com"),
    "openai": BaseUrl("https://api.openai.com/v1"),
}
"""Where the vendors' own APIs are."""

KEYS = {
    "api_key": ("anthropic", "openai"),
    "base_url": ("anthropic", "openai"),
    "command": ("process",),
    "env": ("process",),
    "memory_mb": ("process",),
    "script": ("rehearsal",),
}
"""Keys that mean something with some backends only."""


def sessions_of(
    document: Document, form: SessionsConfig, at: Callable[[Path], Path], database: Path
) -> tuple[SessionsConfig, tuple[str, ...]]:
    """Check what a document says of sessions, and fill in what it leaves out.

    Args:
        document: where errors stand.
        form: what it says.
        at: makes a path of the file absolute.
        database: the folder of the database, absolute.

    Returns:
        The same with ``default_model`` and ``workspaces``, at least one model, each with what its
        vendor calls it and where it is, and absolute paths; and warnings.

    Raises:
        DocumentError: something does not fit.
    """
    errors: list[DocumentError] = []
    models: dict[ModelName, ModelConfig] = {}
    for name, model in form.models.items():
        place: Place = ("sessions", "models", name)
        errors += (document.error((*place, *key), text) for key, text in problems_of(model))
        models[name] = filled_in(name, model, at)
    models = models or {REHEARSAL: ModelConfig(backend="rehearsal", model=str(REHEARSAL))}
    default, problem = default_of(form, models)
    if problem:
        errors.append(document.error(("sessions", "default_model"), problem))
    errors += budget_errors(document, form, models)
    raise_first(errors)
    resolved = msgspec.structs.replace(
        form,
        default_model=default,
        models=models,
        workspaces=at(form.workspaces) if form.workspaces else database / WORKSPACES_NAME,
        workspace_roots=tuple(at(root) for root in form.workspace_roots),
    )
    return resolved, tuple(f"{each}" for each in doubts_of(document, resolved))


def default_of(form: SessionsConfig, models: Collection[str]) -> tuple[str, str]:
    """Return the model of sessions that name none, and what is wrong with it, or ""."""
    first = str(next(iter(models)))
    if form.default_model is None:
        text = f"is missing: name one of the models ({', '.join(models)})"
        return first, text if len(models) > 1 else ""
    if form.default_model not in models:
        hint = did_you_mean(form.default_model, models) or f"; there is {', '.join(models)}"
        return first, f"no model has this name{hint}"
    return form.default_model, ""


def problems_of(model: ModelConfig) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a model: where below it, and why."""
    for key, backends in KEYS.items():
        if getattr(model, key) and model.backend not in backends:
            yield (key,), f"means nothing with backend {model.backend}: remove it"
    if model.backend == "process" and not model.command:
        yield ("command",), "is missing: a list of the program and its arguments"
    own = BASE_URLS.get(model.backend)
    if own and model.api_key is None and host_of(model.base_url or own) == host_of(own):
        yield ("api_key",), f"is missing: {own} wants a key; write ${{VARIABLE}}"
    if model.api_key is not None and (problem := problem_of_key(model.api_key.value)):
        yield ("api_key",), problem
    if any("\0" in part for part in model.command):
        yield ("command",), "no program takes a NUL character"
    for name, value in model.env.items():
        if "\0" in value.value:
            yield ("env", name), "no variable takes a NUL character"
    if model.max_tokens >= model.context_tokens:
        yield ("max_tokens",), "must be less than context_tokens, or nothing could be read"


def host_of(url: str) -> str | None:
    """Return the host of a URL."""
    return urlsplit(url).hostname


def problem_of_key(key: str) -> str:
    """Return why an API key can't be used, or ""."""
    if not key.strip():
        return "the key is empty: put the one of your account there"
    if not all("!" <= character <= "~" for character in key):
        return "the key has spaces or characters that HTTP cannot carry"
    return ""


def filled_in(name: ModelName, model: ModelConfig, at: Callable[[Path], Path]) -> ModelConfig:
    """Say what a model leaves out."""
    command = model.command
    if command and "/" in command[0]:
        command = (str(at(Path(command[0]))), *command[1:])
    return msgspec.structs.replace(
        model,
        model=model.model or str(name),
        base_url=model.base_url or BASE_URLS.get(model.backend),
        command=command,
        script=at(model.script) if model.script is not None else None,
    )


def budget_errors(
    document: Document, form: SessionsConfig, models: dict[ModelName, ModelConfig]
) -> Iterator[DocumentError]:
    """Yield what is wrong with the budgets; whose they are is known only with the token file."""
    names: set[str] = set()
    for index, budget in enumerate(form.budgets):
        place: Place = ("sessions", "budgets", index)
        if budget.name in names:
            text = f"{budget.name!r} is there twice: choose another name"
            yield document.error((*place, "name"), text)
        names.add(budget.name)
        if budget.model != ANYBODY and budget.model not in models:
            hint = did_you_mean(budget.model, models) or f"; there is {', '.join(models)}"
            yield document.error((*place, "model"), f"no model has this name{hint}")


def doubts_of(document: Document, form: SessionsConfig) -> Iterator[DocumentError]:
    """Yield what can be meant so."""
    for name, model in form.models.items():
        place: Place = ("sessions", "models", name)
        if model.base_url is not None and model.base_url.is_clear_text:
            what = "what is said" if model.api_key is None else "the key, and what is said,"
            text = f"{what} travels in clear text: use https"
            yield document.error((*place, "base_url"), text)
    for index, root in enumerate(form.workspace_roots):
        if root == Path(root.anchor):
            text = "every folder of this machine may be a workspace: name the ones that are meant"
            yield document.error(("sessions", "workspace_roots", index), text)


def secrets_of(form: SessionsConfig) -> Iterator[Secret]:
    """Yield what is to be masked: keys, and variables that are named like secrets."""
    for model in form.models.values():
        if model.api_key is not None:
            yield model.api_key
        yield from (value for name, value in model.env.items() if is_secret_name(name))


def secret_places(form: SessionsConfig) -> Iterator[Place]:
    """Yield where secrets stand."""
    for name, model in form.models.items():
        yield ("sessions", "models", name, "api_key")
        yield from (
            ("sessions", "models", name, "env", variable)
            for variable in model.env
            if is_secret_name(variable)
        )
