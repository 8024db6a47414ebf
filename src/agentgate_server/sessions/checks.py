"""Checks: what can be said of sessions without starting a gateway."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence

from agentgate_proto.principal import Principal
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.budgets import EACH
from agentgate_server.config import Config, SessionsConfig
from agentgate_server.config.faces import askers_of
from agentgate_server.documents.errors import did_you_mean
from agentgate_server.models.command import CAN_LIMIT_MEMORY
from agentgate_server.models.prices import PriceBook
from agentgate_server.policy.linting import Finding, Level
from agentgate_server.sessions.models import infos_of
from agentgate_server.sessions.workspaces import why_unwritable


def check_folders(config: Config) -> Iterator[Finding]:
    """See whether workspaces can be made, and the roots are there. It makes none."""
    sessions = config.sessions
    if sessions.workspaces is not None and (problem := why_unwritable(sessions.workspaces)):
        yield error(config, f"sessions.workspaces: {problem}")
    for index, root in enumerate(sessions.workspace_roots):
        if not root.is_dir():
            text = f"sessions.workspace_roots[{index}]: there is no folder {root}"
            yield Finding(level=Level.WARNING, message=text, file=config.name)


def check_commands(config: Config) -> Iterator[Finding]:
    """See whether the commands of models can be run."""
    for name, model in config.sessions.models.items():
        if model.command and shutil.which(model.command[0]) is None:
            text = f"there is no program {model.command[0]} that can be run"
            yield error(config, f"sessions.models.{name}.command: {text}")
        if model.memory_mb is not None and not CAN_LIMIT_MEMORY:
            text = "memory can be limited on Linux only"
            yield error(config, f"sessions.models.{name}.memory_mb: {text}")


def check_budgets(config: Config, principals: Sequence[Principal]) -> Iterator[Finding]:
    """Name the budgets that are for nobody: a slip of the pen would let somebody spend anything.

    Args:
        config: the configuration.
        principals: everybody who may ask for something, see ``faces.everybody``.
    """
    agents = askers_of(config.faces, principals)
    for budget in config.sessions.budgets:
        if budget.principal != EACH and budget.principal not in agents:
            hint = did_you_mean(budget.principal, agents) or ": see principals and tokens"
            text = f'sessions.budgets: {budget.name} is for "{budget.principal}", which is no agent'
            yield error(config, f"{text}{hint}")


def check_prices(config: Config, book: PriceBook) -> Iterator[Finding]:
    """Name the models that a budget stops because nobody knows what they cost. It blocks.

    Args:
        config: the configuration.
        book: the tables of prices.
    """
    sessions = config.sessions
    if unpriced(sessions, book):
        book.load_now()
    for name, model_id, budget in unpriced(sessions, book):
        text = (
            f"sessions.models.{name}: nobody knows what {model_id} costs, so budget {budget} "
            "stops each run: set its price"
        )
        yield Finding(level=Level.WARNING, message=text, file=config.name)


def unpriced(sessions: SessionsConfig, book: PriceBook) -> list[tuple[str, str, str]]:
    """Return the models that cost nobody knows what, with the first budget that counts for each."""
    found = []
    for name, info in infos_of(sessions, book).items():
        budgets = [each.name for each in sessions.budgets if each.model in (EACH, name)]
        if budgets and info.pricing.cost(Usage(input=1, output=1), "") is None:
            found.append((name, info.model_id, budgets[0]))
    return found


def error(config: Config, text: str) -> Finding:
    """Make a finding of what can't be meant so."""
    return Finding(level=Level.ERROR, message=text, file=config.name)
