"""Conversing: what sessions are set up with, as a configuration wants it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.config import Config
from agentgate_server.models.model import Model
from agentgate_server.models.prices import PriceBook
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.desk import Conversations, SessionDesk
from agentgate_server.sessions.models import budgets_of, models_of
from agentgate_server.sessions.workspaces import Workspaces
from agentgate_server.store.session_retention import SessionRetention


def conversations_of(config: Config, masker: Masker, book: PriceBook) -> Conversations:
    """Set up the sessions of a gateway. Nothing is connected to or started yet.

    Args:
        config: the configuration.
        masker: hides secrets in what models answer wrong, and in what they are told of files.
        book: knows what models cost.

    Raises:
        DocumentError: the script of a rehearsal can't be played.
    """
    sessions = config.sessions
    assert sessions.workspaces is not None, "the configuration was checked"
    assert sessions.default_model is not None, "the configuration was checked"
    return Conversations(
        models=models_of(sessions, masker, book, config.folder),
        default_model=sessions.default_model,
        system_prompt=sessions.system_prompt,
        workspaces=Workspaces(
            sessions.workspaces, sessions.workspace_roots, hide=partial(hide_secrets, masker)
        ),
        budgets=budgets_of(sessions),
        agents=config.agents,
        limits=SessionLimits(log_bytes_of_principal_max=sessions.log_bytes_of_principal_max),
    )


def hide_secrets(masker: Masker, text: str) -> str:
    """Hide the configuration's secrets in a text that a model is told, and nothing that only looks
    like one: what a skill says of ``token=…`` it is to say."""
    return str(msgspec.json.decode(masker.result(msgspec.json.encode(text))))


def health_of(models: Mapping[str, Model]) -> Callable[[], dict[str, Any]] | None:
    """Return what says how the models are, for everybody to read; None: nothing can be wrong.

    Names and addresses are not everybody's business: the runs that fail have them.
    """
    if all(model.info.backend == "rehearsal" for model in models.values()):
        return None

    def health() -> dict[str, Any]:
        failing = sum(bool(model.problem()) for model in models.values())
        status = "failing" if failing else "ok"
        return {"status": status, "count": len(models), "failing": failing}

    return health


async def load_prices(config: Config, book: PriceBook) -> None:
    """Load all tables of prices, if a model's price is looked up there; it takes a while."""
    models = config.sessions.models.values()
    if any(model.price is None and model.backend != "rehearsal" for model in models):
        await book.load()


async def tidy(retention: SessionRetention, desk: SessionDesk, workspaces: Workspaces) -> None:
    """Let sessions go that were kept for long enough, and remove the workspaces of those that the
    store keeps no longer."""
    for found in retention.take_idle():
        desk.expire(*found)
    for session in retention.take_forgotten():
        await workspaces.remove(session)
