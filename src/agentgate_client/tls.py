"""TLS, as the user wants it: a system's authorities, an own one, a client certificate."""

from __future__ import annotations

import os
import ssl
from typing import NoReturn

FilePath = str | os.PathLike[str]


def client_context(
    *,
    secure: bool,
    ssl_context: ssl.SSLContext | None,
    ca_file: FilePath | None,
    cert_file: FilePath | None,
    key_file: FilePath | None,
) -> ssl.SSLContext | None:
    """Make the TLS context of a client; None for ``ws://``.

    Args:
        secure: the URL is ``wss://``.
        ssl_context: a ready context; then there must be no files.
        ca_file: PEM file with the authorities to trust, instead of the system's.
        cert_file: PEM file with the client's certificate, and its chain.
        key_file: PEM file with its key; None: it is in ``cert_file``.

    Raises:
        ValueError: they don't go together, or a file can't be used; the text says which.
    """
    files = (ca_file, cert_file, key_file)
    if not secure:
        if ssl_context is not None or any(file is not None for file in files):
            raise ValueError("TLS settings are of no use with ws://; write wss://")
        return None
    if ssl_context is not None:
        if any(file is not None for file in files):
            raise ValueError("give ssl_context, or ca_file, cert_file and key_file, not both")
        return ssl_context
    if key_file is not None and cert_file is None:
        raise ValueError("key_file needs cert_file")
    context = load_authorities(ca_file)
    if cert_file is not None:
        load_certificate(context, cert_file, key_file)
    return context


def load_authorities(ca_file: FilePath | None) -> ssl.SSLContext:
    """Make a context that trusts the system's authorities, or those in a file."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(f"ca_file: cannot use {os.fspath(ca_file or '')}: {why(error)}") from None


def load_certificate(
    context: ssl.SSLContext, cert_file: FilePath, key_file: FilePath | None
) -> None:
    """Give the context a certificate of its own."""
    files = os.fspath(cert_file) + (f" with {os.fspath(key_file)}" if key_file else "")
    try:
        context.load_cert_chain(cert_file, key_file, password=refuse_password)
    except OSError as error:
        raise ValueError(f"cert_file: cannot use {files}: {why(error)}") from None


def refuse_password() -> NoReturn:
    """Called for an encrypted key: OpenSSL would otherwise ask on the terminal and wait."""
    raise ValueError("the key is encrypted: decrypt it, or load it into an ssl_context")


def why(error: OSError) -> str:
    """Say what is wrong with a file."""
    if isinstance(error, ssl.SSLError):
        return f"no usable PEM ({error.reason or error})"
    return error.strerror or str(error)
