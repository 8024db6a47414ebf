"""The form of ``sessions``: which models there are, where their workspaces are, what may be spent.

Without it there are sessions all the same: with the model ``rehearsal``, which needs no account.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentgate_proto.records.usage import MICROS
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.config.texts import BaseUrl, ModelName
from agentgate_server.documents.environment import VariableName
from agentgate_server.documents.spans import DAYS, SECONDS
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.secrets.secret import Secret

ANYBODY = "*"
"""In a budget: every principal, or every model."""

WORKSPACES_NAME = "workspaces"
"""The folder of workspaces beside the database, unless the configuration names another."""

SYSTEM_PROMPT_CHARS_MAX = 200_000
"""A system prompt: a book has more, no model should be told it with each request."""

DollarsPerMillion = Annotated[float, Meta(ge=0, le=1_000_000)]
Tokens = Annotated[int, Meta(ge=1, le=100_000_000)]


class PriceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs, in US dollars for a million tokens; it wins over the tables."""

    input: DollarsPerMillion
    """Of what it reads."""

    output: DollarsPerMillion
    """Of what it writes, thinking included."""

    cache_read: DollarsPerMillion | None = None
    """Of what it reads from its prompt cache; unless said, as ``input``."""

    cache_write: DollarsPerMillion | None = None
    """Of what it writes to its prompt cache; unless said, as ``input``."""


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A model that sessions may talk to. Its name is letters, digits, dots, colons, dashes and
    underscores; ``docs/sessions.md`` has examples."""

    backend: Literal["anthropic", "openai", "process", "rehearsal"]
    """How it is asked: ``anthropic``: Messages API; ``openai``: chat completions, also those of
    other servers (Ollama, llama.cpp, vLLM, OpenRouter …); ``process``: a command of yours that
    speaks JSON lines; ``rehearsal``: a script, for trying out, which needs no account."""

    model: Annotated[str, Meta(max_length=256)] = ""
    """What its vendor calls it (``claude-sonnet-4-5-20250929``); unless said, its name here. The
    price tables know it by that."""

    api_key: Secret | None = None
    """The key of the account, best as ``${VARIABLE}``. Needed with the vendor's own ``base_url``;
    a server of yours may do without."""

    base_url: BaseUrl | None = None
    """Where the API is; unless said, the vendor's: ``https://api.anthropic.com``, to which
    ``/v1/messages`` is added, or ``https://api.openai.com/v1``, to which ``/chat/completions``
    is."""

    max_tokens: Tokens = 4_096
    """Tokens that it may write at a time, unless a message says otherwise."""

    context_tokens: Tokens = 128_000
    """Tokens that it is given to read at the most, ``max_tokens`` included; of a longer history
    the beginning is left out. A server of yours may take fewer."""

    timeout_s: Annotated[float, Meta(gt=0, le=3_600, extra=SECONDS)] = 60.0
    """Seconds that it may be silent, before its first word or after any; then the attempt has
    failed."""

    price: PriceConfig | None = None
    """What it costs; unless said, what the price tables know of ``model``."""

    command: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """With ``process``: the program and its arguments, each an item of the list; no shell reads
    them. It runs in the folder of this file."""

    env: dict[VariableName, Secret] = {}
    """With ``process``: environment variables of the command, which gets no others but ``PATH``,
    ``HOME`` and the language. What is named like a secret (``API_KEY``) is masked."""

    memory_mb: Annotated[int, Meta(ge=16, le=1_048_576)] | None = None
    """With ``process``: megabytes of address space that the command may have, and each process that
    it starts; unless said, what there is. On Linux only. Some runtimes (Java, Node.js, Go) want far
    more of it than they use."""

    script: Path | None = None
    """With ``rehearsal``: a file that says what it answers; without one it tells what it was
    told."""


class BudgetConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent on models. Where several count, each must have room."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    """Unique: told to whoever is refused, and to the person who is asked."""

    principal: PrincipalName = PrincipalName(ANYBODY)
    """For whom; ``"*"``: for each principal, by itself."""

    model: str = ANYBODY
    """For which model; ``"*"``: for all of them together."""

    per: Literal["day", "month"]
    """When it begins anew, in UTC."""

    usd: Annotated[float, Meta(ge=0.01, le=1_000_000_000)]
    """US dollars."""

    over: Literal["deny", "ask"] = "deny"
    """Beyond it, and where nobody knows what a model costs: ``deny``: the run ends; ``ask``: a
    person is asked."""

    @property
    def limit_micros(self) -> int:
        """The same in millionths of a dollar."""
        return round(self.usd * MICROS)


class SessionsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations with models; ``docs/sessions.md`` says what they are."""

    default_model: str | None = None
    """The model of sessions that name none. May be left out if there is only one."""

    system_prompt: Annotated[str, Meta(max_length=SYSTEM_PROMPT_CHARS_MAX)] = (
        "You are a helpful AI assistant."
    )
    """What each model is told first."""

    workspaces: Path | None = None
    """The folder in which each session gets a folder of its own; unless set it is ``workspaces``
    beside the database."""

    workspace_roots: tuple[Path, ...] = ()
    """Folders within which clients may name the workspace of a session; none: they may not.
    Whatever lies there as ``memory.md`` and ``skills/*.md`` is told to models, whoever asks."""

    keep_days: Annotated[float, Meta(gt=0, le=3_650, extra=DAYS)] = 90.0
    """Days that a session is kept in which nothing happens. What it has cost is kept longer."""

    keep_usage_days: Annotated[float, Meta(ge=62, le=3_650, extra=DAYS)] = 400.0
    """Days that it is kept what each request to a model took and cost. At least two months:
    budgets count what was spent in this one."""

    log_bytes_of_principal_max: Annotated[int, Meta(ge=1_048_576)] = (
        SessionLimits().log_bytes_of_principal_max
    )
    """Bytes that the sessions of one principal keep, logs and metadata. Beyond it its messages are
    refused until it deletes some, and a run ends before its model is asked again."""

    models: dict[ModelName, ModelConfig] = {}
    """The models, by name. Without any there is ``rehearsal``."""

    budgets: tuple[BudgetConfig, ...] = ()
    """What may be spent; none: as much as there is."""
