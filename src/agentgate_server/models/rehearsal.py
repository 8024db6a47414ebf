"""The rehearsal model: a script that is played in real time, with no vendor and no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel

from agentgate_proto.models.events import Failed, ModelEvent
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.rehearsal import Rehearsal, tokens
from agentgate_proto.models.request import Encoded
from agentgate_proto.models.scenes import Script
from agentgate_server.documents import read_document

REMEMBERED_MAX = 1_000
"""Requests that have failed and may come again: each is a retry that is under way."""

TIMEOUT_S: Final = 60.0
"""How long a model that has gone silent is waited for, unless said otherwise."""


def read_script(path: Path) -> Script:
    """Read a script; what is wrong in it is said with file and line.

    Raises:
        DocumentError: it can't be read or played.
    """
    return read_document(path).decode(Script)


class RehearsalModel:
    """See :class:`~agentgate_server.models.model.Model`.

    Attributes:
        info: what is known of it.
    """

    def __init__(
        self, info: ModelInfo, *, script: Script | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Make a model.

        Args:
            info: what is known of it.
            script: what it plays; None: it answers from what it is sent, see ``impromptu``.
            timeout_s: how long it is silent where a scene stalls.
        """
        self.info = info
        self._rehearsal = Rehearsal(script if script is not None else Script())
        self._timeout_s = timeout_s
        self._failures: dict[bytes, int] = {}
        self._thinking = anyio.Lock()  # a long text takes milliseconds: others are served between

    async def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        """See ``Model.stream``."""
        key = sha256(request.body).digest()
        failures = self._failures.pop(key, 0)
        async with self._thinking:
            await anyio.lowlevel.checkpoint()
            steps = self._rehearsal.reply(request.body, failures=failures)
            first = list(islice(steps, 1))
        for step in chain(first, steps):
            if isinstance(step.event, Failed):
                self._remember(key, failures + 1)
            if step.pause_ms == 0:
                await anyio.lowlevel.checkpoint()
            else:
                pause_s = self._timeout_s if step.pause_ms is None else step.pause_ms / 1_000
                await anyio.sleep(pause_s)
            yield step.event

    async def count(self, request: Encoded) -> int | None:
        """See ``Model.count``."""
        return tokens(len(request.body))

    def problem(self) -> str:
        """See ``Model.problem``."""
        return ""

    async def aclose(self) -> None:
        """See ``Model.aclose``."""

    def _remember(self, key: bytes, failures: int) -> None:
        self._failures[key] = failures
        if len(self._failures) > REMEMBERED_MAX:
            del self._failures[next(iter(self._failures))]
