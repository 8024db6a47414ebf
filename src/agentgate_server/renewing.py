"""Renewing: what is looked at beside policy and principals, at a reload and by itself.

A certificate that was renewed is put in force, whatever the rest of the files is like. Its files
are looked at now and then, so that nobody need say that they were replaced. Two files can't be
replaced at once: a pair that does not fit together is tried again, and only said if it stays so.
The source of a Python tool can't be put in force: it is imported once, so an edited one is named.
"""

from __future__ import annotations

import logging
import time

import anyio
import anyio.to_thread

from agentgate_server.sockets.certificate import DAY_S, Certificate, CertificateError, Stamps
from agentgate_server.tools.sources import Sources

log = logging.getLogger(__name__)

LOOK_S = 30.0
"""How often the files of the certificate are looked at."""

DAILY_STAGE = 2
"""From this stage on (:meth:`.Certificate.stage`) its end is said every day, not once."""

URGENT_STAGE = 3
"""From this one on as an error."""

STAYS = "; the one that was loaded before stays in force"


class Renewal:
    """What may be renewed in the life of a gateway.

    Args:
        certificate: of the listener; None: there is none.
        sources: of the Python tools; None: there are none.
    """

    def __init__(self, certificate: Certificate | None, sources: Sources | None) -> None:
        self.certificate = certificate
        self.sources = sources
        self._problem = ""
        self._unfit: Stamps | None = None
        self._said_stage = 0
        self._said_at = 0.0

    def renew(self) -> tuple[list[str], list[str]]:
        """Read the files anew. It blocks: call it in a thread.

        Returns:
            what the operator has to know; and what was changed and takes a restart.
        """
        if self.certificate is not None:
            self._take(self.certificate)
        return self.warnings(), [] if self.sources is None else self.sources.edited()

    def warnings(self) -> list[str]:
        """Say that the files can't be used, and when the certificate ends, if that is soon."""
        doubt = "" if self.certificate is None else self.certificate.doubt(time.time())
        return [*([self._problem] if self._problem else []), *(self._named(doubt))]

    def doubt(self) -> str:
        """Say the same to whoever asks for the gateway's health; "": there is nothing to say."""
        doubt = "" if self.certificate is None else self.certificate.doubt(time.time())
        renewed = "its files were replaced and can't be used" if self._problem else ""
        return "; ".join(part for part in (doubt, renewed) if part)

    async def watch(self) -> None:
        """Take files that were replaced, and say when the certificate ends, until cancelled.

        What a start has said is not said again at once.
        """
        if self.certificate is None:
            return
        self._said_stage, self._said_at = self.certificate.stage(time.time()), anyio.current_time()
        while True:
            await anyio.sleep(LOOK_S)
            await anyio.to_thread.run_sync(self.look, self.certificate)
            self._tell_end(self.certificate)

    def look(self, certificate: Certificate) -> None:
        """Take files that were replaced. It blocks."""
        stamps = certificate.look()
        if stamps == certificate.stamps:
            return
        if (problem := self._take(certificate)) and stamps != self._unfit:
            # Perhaps the other file is about to be replaced: it is tried once more first.
            self._unfit, self._problem, certificate.stamps = stamps, "", (None, None)
        elif problem:
            log.error("%s", problem)
        else:
            ends = f", which ends on {certificate.ends}" if certificate.ends else ""
            log.info("the renewed certificate is taken%s", ends)

    def _take(self, certificate: Certificate) -> str:
        """Load the files; return why that can't be done, or ""."""
        try:
            certificate.renew()
        except CertificateError as error:
            self._problem = f"{error}{STAYS}"
        else:
            self._problem, self._unfit = "", None
        return self._problem

    def _tell_end(self, certificate: Certificate) -> None:
        """Log when the certificate ends: as it comes nearer, and every day when it is near."""
        stage, now = certificate.stage(time.time()), anyio.current_time()
        is_due = stage >= DAILY_STAGE and now - self._said_at >= DAY_S
        if stage > self._said_stage or is_due:
            level = logging.ERROR if stage >= URGENT_STAGE else logging.WARNING
            for text in self._named(certificate.doubt(time.time())):
                log.log(level, "%s", text)
            self._said_at = now
        self._said_stage = stage

    def _named(self, doubt: str) -> list[str]:
        return [f"gateway.tls.cert: {doubt}"] if doubt else []
