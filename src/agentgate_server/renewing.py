"""Renewing: what a reload looks at beside policy and principals.

A certificate that was renewed is put in force, whatever the rest of the files is like. The source
of a Python tool can't be: it is imported once, so an edited one is named.
"""

from __future__ import annotations

import logging
import time

import anyio

from agentgate_server.sockets.certificate import DAY_S, Certificate, CertificateError
from agentgate_server.tools.sources import Sources

log = logging.getLogger(__name__)


class Renewal:
    """What may be renewed in the life of a gateway.

    Args:
        certificate: of the listener; None: there is none.
        sources: of the Python tools; None: there are none.
    """

    def __init__(self, certificate: Certificate | None, sources: Sources | None) -> None:
        self.certificate = certificate
        self.sources = sources

    def renew(self) -> tuple[list[str], list[str]]:
        """Read the files anew. It blocks: call it in a thread.

        Returns:
            what the operator has to know; and what was changed and takes a restart.
        """
        warnings = []
        if self.certificate is not None:
            try:
                self.certificate.renew()
            except CertificateError as error:
                warnings.append(f"{error}; the one that was loaded before stays in force")
        warnings += self.warnings()
        return warnings, [] if self.sources is None else self.sources.edited()

    def warnings(self) -> list[str]:
        """Say when the certificate ends, if that is soon."""
        doubt = self.doubt()
        return [f"gateway.tls.cert: {doubt}"] if doubt else []

    def doubt(self) -> str:
        """Say the same to whoever asks for the gateway's health; "": there is nothing to say."""
        return "" if self.certificate is None else self.certificate.doubt(time.time())

    async def watch(self) -> None:
        """Say it in the log once a day, until cancelled; a start has said it already."""
        while True:
            await anyio.sleep(DAY_S)
            for warning in self.warnings():
                log.warning("%s", warning)
