"""Conversing: what sessions are set up with, as a configuration wants it."""

from __future__ import annotations

from collections.abc import Mapping

from agentgate_proto.models.info import ModelInfo, Pricing
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.recovery import Unpriced
from agentgate_server.config import Config
from agentgate_server.config.sessions import ModelConfig
from agentgate_server.models.model import Model
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.desk import Conversations
from agentgate_server.sessions.workspaces import Workspaces


def conversations_of(config: Config, masker: Masker) -> Conversations:
    """Set up the sessions of a gateway. Nothing is connected to or started yet.

    Args:
        config: the configuration.
        masker: hides secrets in what models answer wrong.

    Raises:
        DocumentError: the script of a rehearsal can't be played.
    """
    sessions = config.sessions
    assert sessions.workspaces is not None, "the configuration was checked"
    assert sessions.default_model is not None, "the configuration was checked"
    return Conversations(
        models=models_of(config, masker),
        default_model=str(sessions.default_model),
        system_prompt=sessions.system_prompt,
        workspaces=Workspaces(sessions.workspaces, sessions.workspace_roots),
        budgets=tuple(
            Budget(
                name=budget.name,
                principal=str(budget.principal),
                model=str(budget.model),
                per=budget.per,
                limit_micros=budget.limit_micros,
                over=budget.over,
            )
            for budget in sessions.budgets
        ),
    )


def models_of(config: Config, masker: Masker) -> Mapping[str, Model]:
    """Make the models that a configuration names.

    Raises:
        DocumentError: the script of a rehearsal can't be played.
    """
    return {
        str(name): model_of(str(name), model, Unpriced(), masker)
        for name, model in config.sessions.models.items()
    }


def model_of(name: str, form: ModelConfig, pricing: Pricing, masker: Masker) -> Model:
    """Make one model. What a backend needs is imported only if it is used."""
    info = ModelInfo(
        name=name,
        model_id=str(form.model),
        backend=form.backend,
        max_tokens=form.max_tokens,
        context_tokens=form.context_tokens,
        pricing=pricing,
    )
    if form.backend == "rehearsal":
        from agentgate_server.models.rehearsal import RehearsalModel, read_script

        script = read_script(form.script) if form.script is not None else None
        return RehearsalModel(info, script=script, timeout_s=form.timeout_s)
    if form.backend == "process":
        raise NotImplementedError
    from agentgate_server.models.anthropic import AnthropicModel
    from agentgate_server.models.openai import OpenAIModel

    kind = AnthropicModel if form.backend == "anthropic" else OpenAIModel
    assert form.base_url is not None, "the configuration was checked"
    return kind(
        info,
        masker=masker,
        api_key=form.api_key,
        base_url=str(form.base_url),
        timeout_s=form.timeout_s,
    )
