"""Exposure: whether the listener may be reached the way that it is configured."""

from __future__ import annotations

from pathlib import Path

from agentgate_server.config.changeable import changeable_by_others
from agentgate_server.config.faces import open_consoles, open_faces
from agentgate_server.config.form import GatewayConfig
from agentgate_server.config.load import Config
from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import raise_first


def check_exposure(config: Config) -> tuple[str, ...]:
    """Check that tokens do not travel in clear text beyond this machine, and that TLS can start.

    Call it after :func:`~agentgate_server.config.override`, before listening.

    Returns:
        warnings, each one line.

    Raises:
        DocumentError: the host is not loopback and there is neither TLS nor ``insecure``, or a face
            is open; or the certificate or key cannot be read (one error each, the second in
            ``others``).
    """
    gateway = config.gateway
    warnings = changeable_by_others(config)
    warnings += names_missing(gateway)
    warnings += doors_open(config)
    if gateway.insecure:
        if not gateway.host.is_loopback:
            warnings.append(
                f"gateway.host {gateway.host} is reachable from other machines and tokens travel "
                "in clear text: keep a proxy with TLS in front"
            )
        if gateway.tls is not None:
            warnings.append("gateway.tls is not used, because of insecure")
        return tuple(warnings)
    if gateway.tls is None:
        if gateway.host.is_loopback:
            return tuple(warnings)
        raise DocumentError(
            config.name,
            f"gateway.host {gateway.host} is reachable from other machines: set gateway.tls.cert "
            "and gateway.tls.key, or gateway.insecure behind a proxy that adds TLS (--insecure)",
        )
    problems = [
        config.file_error(key, f"{path}: {problem}")
        for key, path in (
            ("gateway.tls.cert", gateway.tls.cert),
            ("gateway.tls.key", gateway.tls.key),
        )
        if (problem := why_unreadable(path))
    ]
    if problems:
        first, *rest = problems
        first.others = tuple(rest)
        raise first
    return tuple(warnings)


def doors_open(config: Config) -> list[str]:
    """Warn of faces that ask for no token, where a proxy could carry strangers in.

    Raises:
        DocumentError: other machines reach the listener.
    """
    gateway = config.gateway
    keys = [*open_faces(config.faces), *open_consoles(config.faces)]
    if keys and not gateway.host.is_loopback:
        errors = [
            DocumentError(
                config.name,
                f"gateway.host {gateway.host} is reachable from other machines: remove it, or "
                "listen on 127.0.0.1",
                path=key,
            )
            for key in keys
        ]
        raise_first(errors)
    if not keys or not (gateway.insecure or gateway.trusted_proxies or gateway.allowed_hosts):
        return []
    text = (
        "lets in without a token whoever a proxy on this machine lets through without saying for "
        "whom (X-Forwarded-For)"
    )
    return [f"{key}: {text}" for key in keys]


def names_missing(gateway: GatewayConfig) -> list[str]:
    """Warn of a listener that others reach by a name which it was not told."""
    if gateway.host.is_loopback or gateway.allowed_hosts or gateway.public_url is not None:
        return []
    text = "clients that use another name than this machine's, and no address, are refused"
    return [f"gateway.allowed_hosts is empty: {text}"]


def why_unreadable(path: Path) -> str:
    """Return why a file cannot be read, or ""."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        return "file not found"
    except IsADirectoryError:
        return "is a folder, not a file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:
        return f"cannot be read: {error}"
    return ""
