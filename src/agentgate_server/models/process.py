"""A model behind a command of the user's, spoken to in JSON lines (see the core's ``process``).

The command is started when it is first asked, and runs on for further requests. When it dies it is
started anew for the next request, after a pause that grows as long as it answers nothing.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import anyio

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.models.events import Ended, Failed, Failure, ModelEvent
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded
from agentgate_server.models.command import Call, Command, start
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

TIMEOUT_S: Final = 60.0
"""How long a command may be silent about a request, unless said otherwise."""

ANSWERS_MAX: Final = 1_024
"""Answers of one command at once; further requests are told to come again. There are more than runs
in all (``SessionLimits``): one agent's keep nobody else's from the model."""

PASSED_ON: Final = ("PATH", "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ")
"""What a command gets of our environment: where programs, its own files and texts are. The rest
may be secrets, and ours."""


class ProcessModel:
    """See :class:`~agentgate_server.models.model.Model`.

    Attributes:
        info: what is known of it.
    """

    def __init__(
        self,
        info: ModelInfo,
        *,
        command: Sequence[str],
        masker: Masker,
        env: Mapping[str, Secret] | None = None,
        folder: Path | None = None,
        timeout_s: float = TIMEOUT_S,
        memory_mb: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Make a model; nothing is started yet.

        Args:
            info: what is known of it.
            command: the program and its arguments; no shell reads them.
            masker: hides secrets in what the command says of itself.
            env: further variables that it gets.
            folder: where it runs; None: where the gateway does.
            timeout_s: how long it may be silent about a request.
            memory_mb: what it may take, and each process that it starts; None: what there is.
            environment: ours; of it the command gets what is in ``PASSED_ON``.
        """
        self.info = info
        self._command = tuple(command)
        self._masker = masker
        self._environment = {name: environment[name] for name in PASSED_ON if name in environment}
        self._environment |= {name: value.value for name, value in (env or {}).items()}
        self._folder = folder
        self._timeout_s = timeout_s
        self._memory_mb = memory_mb
        self._run: Command | None = None
        self._starting = anyio.Lock()
        self._backoff = Backoff()
        self._not_before = float("-inf")
        self._trouble = ""
        self._is_closed = False

    async def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        """See ``Model.stream``."""
        run = await self._running()
        if isinstance(run, Failed):
            yield run
            return
        if run.under_way >= ANSWERS_MAX:
            text = f"the command has {ANSWERS_MAX} answers under way"
            yield Failed(failure=Failure.RETRYABLE, message=text)
            return
        call = None
        try:
            call = await run.ask(request.body)
            is_open = True
            while is_open:
                for event in await self._next(run, call):
                    is_open = not isinstance(event, Ended | Failed)
                    if isinstance(event, Ended):
                        run.has_answered = True
                        self._trouble = ""
                    yield self._told(event)
        finally:
            if call is not None:
                with anyio.CancelScope(shield=True):
                    await run.close(call)

    async def count(self, request: Encoded) -> int | None:
        """See ``Model.count``: there is no such question."""
        del request
        return None

    def problem(self) -> str:
        """See ``Model.problem``."""
        return self._trouble

    async def aclose(self) -> None:
        """See ``Model.aclose``. Answers that are under way have failed."""
        self._is_closed = True
        with anyio.CancelScope(shield=True):
            async with self._starting:
                if self._run is not None:
                    await self._run.aclose()

    async def _running(self) -> Command | Failed:
        """Return the command that runs, started if need be, or why there is none."""
        async with self._starting:
            if self._is_closed:
                return Failed(failure=Failure.FATAL, message="the gateway stops")
            if self._run is not None and self._run.is_over:
                await self._run.aclose()
                self._after(self._run)
                self._run = None
            if self._run is not None:
                return self._run
            wait_s = self._not_before - anyio.current_time()
            if wait_s > 0:
                return Failed(
                    failure=Failure.RETRYABLE,
                    message=f"{self._trouble}; it is started again in {wait_s:.1f} s",
                    retry_after_s=wait_s,
                )
            try:
                self._run = await start(
                    self._command,
                    name=self.info.name,
                    masker=self._masker,
                    environment=self._environment,
                    folder=self._folder,
                    memory_mb=self._memory_mb,
                )
            except (OSError, ValueError) as error:
                self._trouble = self._masker.text(f"the command can't be started: {error}")
                return Failed(failure=Failure.FATAL, message=self._trouble)
            return self._run

    def _after(self, run: Command) -> None:
        """Decide when to start it again: at once, if it has been of use."""
        self._trouble = f"the command broke off: {run.ending}"
        if run.has_answered:
            self._backoff.succeeded()
            self._trouble = ""
        else:
            self._not_before = self._backoff.failed(anyio.current_time()) or 0.0

    async def _next(self, run: Command, call: Call) -> list[ModelEvent]:
        with anyio.move_on_after(self._timeout_s):
            return await run.next_events(call)
        text = f"the command said nothing for {self._timeout_s:g} s"
        return [Failed(failure=Failure.TRUNCATED, message=text)]

    def _told(self, event: ModelEvent) -> ModelEvent:
        """Hide secrets in what the command says of itself; what the model says is its own."""
        if not isinstance(event, Failed):
            return event
        return Failed(
            failure=event.failure,
            message=self._masker.text(event.message),
            retry_after_s=event.retry_after_s,
        )
