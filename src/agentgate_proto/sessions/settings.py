"""Settings: which models there are, what they are told first, and the named agents.

They may change while sessions go on: what is under way keeps what it began with.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import SessionRecord, is_lasting
from agentgate_proto.records.usage import Usage


class NamedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What the sessions know of a named agent.

    Attributes:
        model: name of its model; "": that of its session, which has the one that was the default
            when it was made.
        system_prompt: in place of that of all sessions; None: there is no other.
        max_iterations: how often the model may be asked in one run, whatever a message says.
    """

    model: str = ""
    system_prompt: str | None = None
    max_iterations: int = 1_000


class Unpriced:
    """What is known of the price of a model that the configuration has no more: nothing."""

    version = ""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """See :class:`agentgate_proto.models.info.Pricing`."""
        return None


class Settings:
    """See the module.

    Attributes:
        models: what may be asked, by name.
        default_model: the one for sessions that name none.
        system_prompt: what each model is told first.
        agents: the named agents, by id.
    """

    def __init__(self) -> None:
        self.models: Mapping[str, ModelInfo] = {}
        self.default_model = ""
        self.system_prompt = ""
        self.agents: Mapping[str, NamedAgent] = {}

    def model_of(self, record: SessionRecord) -> str:
        """Return the name of a session's model."""
        agent = self._agent_of(record)
        return agent.model if agent is not None and agent.model else record.model

    def prompt_of(self, record: SessionRecord) -> str:
        """Return what the model of a session is told first."""
        agent = self._agent_of(record)
        if agent is None or agent.system_prompt is None:
            return self.system_prompt
        return agent.system_prompt

    def iterations_of(self, record: SessionRecord, wanted: int) -> int:
        """Return how often the model may be asked in a run whose message wants it so often."""
        agent = self._agent_of(record)
        return wanted if agent is None else min(wanted, agent.max_iterations)

    def objection_to(self, model: str) -> str:
        """Say that there is no model of this name, or nothing."""
        if model in self.models:
            return ""
        names = ", ".join(sorted(self.models)) or "none"
        return f"there is no model {model!r}; there are: {names}"

    def is_left_over(self, record: SessionRecord) -> bool:
        """Whether a session is that of a named agent which there is no more."""
        return is_lasting(record.id) and record.principal not in self.agents

    def info_of(self, model: str) -> ModelInfo:
        """Return what is known of a model, which may be configured no more."""
        return self.models.get(model) or ModelInfo(
            name=model,
            model_id=model,
            backend="",
            max_tokens=0,
            context_tokens=0,
            pricing=Unpriced(),
        )

    def _agent_of(self, record: SessionRecord) -> NamedAgent | None:
        return self.agents.get(record.principal) if is_lasting(record.id) else None
