"""Identities: the principals of a configuration, each with one token and nobody's name twice."""

from __future__ import annotations

from base64 import b32decode
from collections.abc import Iterable, Iterator

from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_server.config.form import ConfigFile
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path, raise_first
from agentgate_server.documents.nodes import Scalar
from agentgate_server.identity.texts import PrincipalName, TokenHash
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.secrets.secret import Secret

AGENT_NAME = PrincipalName("agent")
"""The principal that ``agent.token`` stands for."""

CODE_SECRET_BYTES = 14
"""Of one-time codes, at least: pyotp takes no shorter one (NIST SP 800-63B: 112 bits)."""

QUOTES = "\"'`"
"""What an environment file keeps around a value that is read by nothing like a shell."""

SAFE_TOKEN_CHARS = 16
"""A token that is shorter can be guessed if it is not random; tokens of ours have 46."""


def identities_of(
    document: Document, form: ConfigFile
) -> tuple[tuple[Identity, ...], tuple[str, ...]]:
    """Return everybody who may connect, and warnings.

    Raises:
        DocumentError: a name or token is used twice, or a token is empty or too long.
    """
    errors: list[DocumentError] = []
    warnings: list[str] = []
    identities: list[Identity] = []
    owner_by_hash: dict[str, str] = {}
    names: set[str] = set()
    approving = {each.name for each in form.principals if each.approves}
    for name, role, secret, path in entries(form):
        if name in names:
            why = "is already used" + (" by agent.token" if name == AGENT_NAME else "")
            errors.append(
                document.error((*path[:-1], "name"), f"name {name!r} {why}: choose another")
            )
        names.add(name)
        if isinstance(secret, Secret):
            if problem := problem_of(secret.value):
                errors.append(document.error(path, problem))
                continue
            warnings += [f"{document.error(path, text)}" for text in doubts_of(secret.value)]
            token_hash = hash_token(secret.value)
        else:
            token_hash = str(secret)
        if token_hash in owner_by_hash:
            owner = owner_by_hash[token_hash]
            message = f"is the same token as that of {owner!r}: give each its own"
            errors.append(document.error(path, message))
        owner_by_hash.setdefault(token_hash, name)
        principal = Principal(name=str(name), role=role, approves=name in approving)
        identities.append(Identity(principal, token_hash))
    raise_first(errors)
    return tuple(identities), tuple(warnings)


def code_secrets_of(document: Document, form: ConfigFile) -> dict[str, Secret]:
    """Return the secrets of one-time codes, by the names of those who use them.

    Raises:
        DocumentError: a secret is none, or its principal answers no approvals.
    """
    errors: list[DocumentError] = []
    secrets: dict[str, Secret] = {}
    for index, principal in enumerate(form.principals):
        if principal.totp is None:
            continue
        path: Path = ("principals", index, "totp")
        if principal.role not in PEOPLE:
            text = f"the role {principal.role.value} answers no approvals: remove it"
            errors.append(document.error(path, text))
        elif problem := problem_of_code_secret(principal.totp.value):
            errors.append(document.error(path, problem))
        secrets[str(principal.name)] = principal.totp
    raise_first(errors)
    return secrets


def who_is_missing(
    name: str, principals: Iterable[Principal], *, messenger: bool = False
) -> tuple[str, ...]:
    """Return a warning if there is nobody to answer what is asked.

    Not done when a configuration is loaded: ``agent-gate token new`` may add the first principal.

    Args:
        name: of the configuration.
        principals: everybody who may connect.
        messenger: people are asked there as well.

    Raises:
        DocumentError: nobody could use a gateway with these principals.
    """
    roles = {principal.role for principal in principals}
    if not roles & {Role.AGENT, Role.APPROVER, Role.CONSOLE, Role.RELAY}:
        raise DocumentError(
            name,
            "nobody could use this gateway: add agent.token, or principals with role agent "
            "(asks for tools) and approver (answers), or make them by 'agent-gate token new'",
        )
    if messenger or roles & PEOPLE:
        return ()
    text = (
        f"{name}: nobody can answer approvals, so each will expire: add a principal with role "
        "approver, or make one by 'agent-gate token new'"
    )
    return (text,)


def holds_literal_token(document: Document, others: Iterable[Path]) -> bool:
    """Whether a token stands in the document itself, and not in an environment variable.

    Args:
        document: the configuration.
        others: where other secrets stand.
    """
    form_tokens: list[Path] = [("agent", "token"), ("messenger", "telegram", "token")]
    form_tokens.append(("messenger", "ntfy", "token"))
    principals = document.data.get("principals") or ()
    for index in range(len(principals)):
        form_tokens += [("principals", index, "token"), ("principals", index, "totp")]
    nodes = (document.node_at(path) for path in (*form_tokens, *others))
    return any(isinstance(node, Scalar) and not node.substituted for node in nodes)


def entries(form: ConfigFile) -> Iterator[tuple[str, Role, Secret | TokenHash, Path]]:
    """Yield name, role, token or hash, and where that token stands."""
    if form.agent is not None:
        yield AGENT_NAME, Role.AGENT, form.agent.token, ("agent", "token")
    for index, principal in enumerate(form.principals):
        if principal.token is not None:
            path: Path = ("principals", index, "token")
            yield principal.name, principal.role, principal.token, path
        elif principal.token_hash is not None:
            path = ("principals", index, "token_hash")
            yield principal.name, principal.role, principal.token_hash, path


def problem_of(token: str) -> str:
    """Return why a token cannot be used, or ""."""
    if not token.strip():
        return "the token is empty: put a long random text there"
    if token != token.strip():
        return "the token has spaces around it: remove them"
    if len(token) > TOKEN_CHARS_MAX:
        return f"the token has more than {TOKEN_CHARS_MAX} characters: use a shorter one"
    return ""


def problem_of_code_secret(secret: str) -> str:
    """Return why a secret of one-time codes cannot be used, or ""."""
    letters = secret.replace(" ", "").rstrip("=").upper()
    try:
        size = len(b32decode(letters + "=" * (-len(letters) % 8)))
    except ValueError:
        return "is not base32: letters A to Z and digits 2 to 7"
    if size < CODE_SECRET_BYTES:
        return f"has fewer than {CODE_SECRET_BYTES} bytes: make one of 32 base32 letters"
    return ""


def doubts_of(token: str) -> Iterator[str]:
    """Yield what speaks against a token that can be used."""
    if len(token) < SAFE_TOKEN_CHARS:
        yield f"the token has fewer than {SAFE_TOKEN_CHARS} characters: use a long random text"
    if len(token) > 1 and token[0] == token[-1] and token[0] in QUOTES:
        yield "the token begins and ends with a quote, which is taken for a part of it: remove both"
    if not all("!" <= character <= "~" for character in token):
        yield "the token has characters that HTTP cannot carry: it works over WebSocket only"
