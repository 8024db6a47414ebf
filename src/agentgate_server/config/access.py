"""What a client on the gateway's own machine takes from its configuration: address and tokens.

Only what it needs is read: a command that asks the gateway must not fail because a file of tools
is being edited, which the gateway does not look at now either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agentgate_proto.principal import Role
from agentgate_server.config.form import ConfigFile
from agentgate_server.config.identities import entries
from agentgate_server.config.load import at
from agentgate_server.documents import read_document, read_dotenv
from agentgate_server.documents.environment import Variables
from agentgate_server.secrets.secret import Secret


class KnownToken(NamedTuple):
    """The token of one principal; None: the file has its hash alone."""

    role: Role
    token: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAccess:
    """Where a gateway of this machine listens, and who may connect.

    Attributes:
        host: as the file has it; all of the machine's addresses, perhaps.
        port: 0 where the file leaves it to the system.
        certificate: the file of its certificate, if it speaks TLS.
        tokens: by the principal's name, in the order of the file.
    """

    host: str
    port: int
    certificate: Path | None
    tokens: Mapping[str, KnownToken]

    def __repr__(self) -> str:
        return f"LocalAccess({self.host!r}, {self.port})"


def read_local_access(path: Path, *, environment: Mapping[str, str]) -> LocalAccess:
    """Read what a client needs.

    Args:
        path: ``config.yaml``.
        environment: usually ``os.environ``; it wins over ``.env``, as it does for the gateway.

    Raises:
        DocumentError: the file or ``.env`` can't be used.
    """
    variables = Variables(read_dotenv(path.parent / ".env"), environment)
    form = read_document(path, environment=variables).decode(ConfigFile)
    gateway = form.gateway
    return LocalAccess(
        host=str(gateway.host),
        port=gateway.port,
        certificate=at(path.parent, gateway.tls.cert)
        if gateway.tls is not None and gateway.serves_tls
        else None,
        tokens={
            str(name): KnownToken(role, token if isinstance(token, Secret) else None)
            for name, role, token, _ in entries(form)
        },
    )
