"""Models of a configuration: each with its adapter, and what is known of it."""

from __future__ import annotations

from pathlib import Path

from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.prices import Price, micros_per_million
from agentgate_proto.sessions.budgets import Budget
from agentgate_server.config import ModelConfig, PriceConfig, SessionsConfig
from agentgate_server.config.models import BASE_URLS
from agentgate_server.models.model import Model
from agentgate_server.models.prices import PriceBook
from agentgate_server.models.process import ProcessModel
from agentgate_server.models.rehearsal import RehearsalModel, read_script
from agentgate_server.secrets.masking import Masker


def infos_of(config: SessionsConfig, book: PriceBook) -> dict[str, ModelInfo]:
    """Say what is known of the models that a configuration names."""
    return {str(name): info_of(str(name), model, book) for name, model in config.models.items()}


def models_of(
    config: SessionsConfig, masker: Masker, book: PriceBook, folder: Path
) -> dict[str, Model]:
    """Make the models that a configuration names; none connects to anything yet.

    An HTTP client is imported only if a model needs one.

    Args:
        config: as checked, with all that may be left out filled in.
        masker: hides secrets in what goes wrong.
        book: knows what models cost.
        folder: where commands run.

    Raises:
        DocumentError: a script can't be used.
    """
    infos = infos_of(config, book)
    return {
        str(name): model_of(infos[str(name)], model, masker, folder)
        for name, model in config.models.items()
    }


def model_of(info: ModelInfo, config: ModelConfig, masker: Masker, folder: Path) -> Model:
    """Make one model.

    Raises:
        DocumentError: its script can't be used.
    """
    match config.backend:
        case "anthropic" | "openai":
            from agentgate_server.models.anthropic import AnthropicModel
            from agentgate_server.models.openai import OpenAIModel

            kind = AnthropicModel if config.backend == "anthropic" else OpenAIModel
            return kind(
                info,
                masker=masker,
                api_key=config.api_key,
                base_url=str(config.base_url),
                timeout_s=config.timeout_s,
            )
        case "process":
            return ProcessModel(
                info,
                command=config.command,
                masker=masker,
                env={str(key): value for key, value in config.env.items()},
                folder=folder,
                timeout_s=config.timeout_s,
                memory_mb=config.memory_mb,
            )
        case "rehearsal":
            script = None if config.script is None else read_script(config.script)
            return RehearsalModel(info, script=script, timeout_s=config.timeout_s)


def info_of(name: str, config: ModelConfig, book: PriceBook) -> ModelInfo:
    """Say what is known of a model."""
    elsewhere = config.base_url != BASE_URLS.get(config.backend)
    return ModelInfo(
        name=name,
        model_id=config.model,
        backend=config.backend,
        max_tokens=config.max_tokens,
        context_tokens=config.context_tokens,
        pricing=book.pricing(
            config.model,
            base_url=str(config.base_url) if elsewhere and config.base_url else None,
            configured=None if config.price is None else price_of(config.price),
            is_rehearsal=config.backend == "rehearsal",
        ),
    )


def price_of(config: PriceConfig) -> Price:
    """Return a price in micro-dollars."""
    read, write = config.cache_read, config.cache_write
    return Price(
        input=micros_per_million(config.input),
        output=micros_per_million(config.output),
        cache_read=None if read is None else micros_per_million(read),
        cache_write=None if write is None else micros_per_million(write),
    )


def budgets_of(config: SessionsConfig) -> tuple[Budget, ...]:
    """Return what may be spent."""
    return tuple(
        Budget(
            name=each.name,
            principal=str(each.principal),
            model=each.model,
            per=each.per,
            limit_micros=each.limit_micros,
            over=each.over,
        )
        for each in config.budgets
    )
