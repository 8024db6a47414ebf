"""Masking: no secret leaves by a log, an audit entry, an error or a screen.

A secret is known by its value (every :class:`~agentgate_server.identity.tokens.Secret` of the
configuration, wherever it turns up, in clear and in the encodings that it is likely to be in) or
by the name it stands under in JSON (see :mod:`agentgate_server.secrets.secret_names`). What a call
has under such a name is hidden as well where it turns up elsewhere: in the words with which the
tool failed, in a log line, in the signature.

The arguments that run, and the results that go back to the agent that asked, keep what stands under
such names: they are its own. A configured secret is hidden from agents too.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record
from agentgate_server.identity.tokens import Secret
from agentgate_server.policy.signature import signature_of
from agentgate_server.secrets.secret_names import counts_tokens, is_secret_name

MASK = "•••"
"""Stands for a secret. It tells neither its length nor how it begins."""

SECRET_CHARS_MIN = 5
"""A configured secret that is shorter is hidden only where it stands alone: hidden everywhere, it
would tear holes into all texts, and where the holes are would tell what it is."""

ENCODED_CHARS_MIN = 8
"""Encoded forms that are shorter turn up by chance."""

CALL_SECRET_CHARS_MIN = 3
"""What a call has under a secret's name and is shorter is hidden under that name only."""

CALL_SECRETS_MAX = 100
"""Secrets of one call that are looked for in texts."""

NAME_IN_JSON = re.compile(rb'"([^"]*)":')
NAMED_IN_TEXT = re.compile(
    r"""(?ix)
    ( (?: pass(?:word|wd|phrase|code) | pwd | secret | token | api[_\ -]?key | access[_-]?key
        | authorization | cookie | credential )
      [\w-]{0,20} [\\"']{0,4} \s{0,3} (?: = | : (?!//) ) \s{0,3} [\\"']{0,4}
      (?: (?: bearer | basic | digest | token ) \s{1,3} )? )
    [^\s"'\\&,;(){}\[\]<>•]{4,}
    """
)
"""``password=hunter2``, ``"token": "abcd"``, ``Authorization: Bearer abcd`` in a text."""

BEARER = re.compile(r"(?i)\b(bearer\s{1,3})[a-z0-9._~+/=-]{8,}")
USER_INFO = re.compile(r"(://[^\s/:@]{0,100}:)[^\s/@]{1,200}(?=@)")
HINTS = re.compile(r"(?i)pass|pwd|secret|token|key|auth|cookie|credential|bearer|://")

encode = msgspec.json.Encoder(order="sorted").encode
call_args: ContextVar[Mapping[str, Any] | None] = ContextVar("call_args", default=None)


class CallInProgress:
    """While this is entered, texts are masked of what stands under secrets' names in ``args``.

    A class, because ``contextlib`` costs more than the tools that return at once.
    """

    __slots__ = ("args", "reset")

    def __init__(self, args: Mapping[str, Any]) -> None:
        self.args = args

    def __enter__(self) -> None:
        self.reset = call_args.set(self.args)

    def __exit__(self, *exc_info: object) -> None:
        call_args.reset(self.reset)


class Masker:
    """Knows the secrets, and hides them.

    May be used from any thread. What is masked stays what it was in form: JSON stays JSON.

    Args:
        secrets: the values to hide, see :func:`secrets_in_form`.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._forms: dict[str, None] = {}
        self._short: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._pattern_utf8: re.Pattern[bytes] | None = None
        self.learn(secrets)

    def __repr__(self) -> str:
        return f"Masker({len(self._forms)} forms)"

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Hide these too, from now on; those known before stay hidden."""
        for secret in secrets:
            words = [word for word in secret.value.split() if len(word) >= ENCODED_CHARS_MIN]
            for part in (secret.value, *words):  # of "Bearer …" it is the second that counts
                if len(part) >= SECRET_CHARS_MIN:
                    self._forms |= dict.fromkeys(forms_of(part))
                elif part.strip():
                    self._short[part] = None
        alternatives = [re.escape(form) for form in sorted(self._forms, key=len, reverse=True)]
        alternatives += [rf"(?<!\w){re.escape(form)}(?!\w)" for form in self._short]
        if alternatives:
            whole = "|".join(alternatives)
            self._pattern, self._pattern_utf8 = re.compile(whole), re.compile(utf8(whole))

    def text(self, text: str) -> str:
        """Hide secrets in words for people: an error, a line of a log.

        Besides values, what is written like ``password=…`` is hidden, and what the call that is in
        progress has under secrets' names.
        """
        args = call_args.get()
        return self._words(text, secrets_of_call(args) if args else ())

    def result(self, data: bytes) -> bytes:
        """Hide configured secrets in JSON on its way to an agent. Names make no difference."""
        pattern = self._pattern_utf8
        if pattern is None or pattern.search(data) is None:
            return data
        return self._encoded(self._hidden(msgspec.json.decode(data), by_name=False))

    def shown(self, data: bytes) -> bytes:
        """Hide secrets in JSON that people read: by value and by name.

        What stands under a secret's name is hidden in the rest of it too.
        """
        if self._is_clean(data):
            return data
        value = msgspec.json.decode(data)
        return self._masked(value, secrets_of_call(value))

    def record(self, record: Record) -> Record:
        """Return a request as people may see it. What runs is the request itself, never this."""
        args, signature = record.args, record.signature
        secrets: tuple[str, ...] = ()
        if not self._is_clean(bytes(args)):
            decoded = msgspec.json.decode(args)
            secrets = secrets_of_call(decoded)
            masked = self._masked(decoded, secrets)
            if masked != bytes(args):
                args, shown = msgspec.Raw(masked), msgspec.json.decode(masked)
                signature = signature_of(record.tool, shown if isinstance(shown, dict) else {})
        request_id = record.request_id
        return msgspec.structs.replace(
            record,
            args=args,
            signature=signature,
            client_id=self._values(record.client_id),
            request_id=self._values(request_id) if isinstance(request_id, str) else request_id,
            idempotency_key=self._values(record.idempotency_key),
            outcome=self._outcome(record.outcome, secrets),
        )

    def grant(self, grant: Grant) -> Grant:
        """Return a grant as people may see it. What is compared with is the grant itself."""
        return msgspec.structs.replace(grant, args=msgspec.Raw(self.shown(bytes(grant.args))))

    def entries(self, entries: list[AuditEntry]) -> list[AuditEntry]:
        """Return entries of the audit as they may be kept for years and handed to others.

        All are looked at together: nearly always there is nothing to hide in any.
        """
        args = b"\n".join([entry.args for entry in entries if entry.args is not None])
        texts = {entry.client_id for entry in entries}
        for entry in entries:
            if entry.message or entry.detail or entry.address or type(entry.request_id) is str:
                texts |= {entry.message, entry.detail, entry.address, str(entry.request_id)}
        if self._is_clean(args) and (text := "\n".join(texts)) == self._values(text):
            return entries
        return [self._entry(entry) for entry in entries]

    def _entry(self, entry: AuditEntry) -> AuditEntry:
        args, digest = entry.args, entry.digest
        if args is not None and not self._is_clean(bytes(args)):
            args = msgspec.Raw(self.shown(bytes(args)))
            digest = digest if bytes(args) == bytes(entry.args or b"") else ""
        request_id = entry.request_id
        return msgspec.structs.replace(
            entry,
            args=args,
            digest=digest,
            client_id=self._values(entry.client_id),
            request_id=self._values(request_id) if isinstance(request_id, str) else request_id,
            message=self._values(entry.message),
            detail=self._values(entry.detail),
            address=self._values(entry.address),
        )

    def _outcome(self, outcome: Outcome | None, secrets: tuple[str, ...]) -> Outcome | None:
        if outcome is None:
            return None
        data, message = outcome.data, outcome.message
        if secrets or not self._is_clean(bytes(data)):
            data = msgspec.Raw(self._masked(msgspec.json.decode(data), secrets))
        if message:
            message = self._words(message, secrets)
        return msgspec.structs.replace(outcome, data=data, message=message)

    def _words(self, text: str, secrets: Iterable[str]) -> str:
        text = alone(self._values(text), secrets)
        if HINTS.search(text):
            text = NAMED_IN_TEXT.sub(rf"\1{MASK}", text)
            text = USER_INFO.sub(rf"\1{MASK}", BEARER.sub(rf"\1{MASK}", text))
        return text

    def _values(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def _is_clean(self, data: bytes) -> bool:
        """Whether JSON certainly holds no secret, told without decoding it: nearly always."""
        if self._pattern_utf8 is not None and self._pattern_utf8.search(data):
            return False
        if b"\\" in data:
            return False  # a name may be written with escapes
        names = set(NAME_IN_JSON.findall(data))
        return not any(is_secret_name(name.decode()) for name in names)

    def _masked(self, value: Any, secrets: Iterable[str]) -> bytes:
        return self._encoded(self._hidden(value, by_name=True, secrets=tuple(secrets)))

    def _encoded(self, value: Any) -> bytes:
        """Encode masked JSON. A secret that is spelled by several values together hides it all."""
        data = encode(value)
        if self._pattern_utf8 is not None and self._pattern_utf8.search(data):
            return encode(MASK)
        return data

    def _hidden(self, value: Any, *, by_name: bool, secrets: tuple[str, ...] = ()) -> Any:
        """Return decoded JSON without secrets."""
        match value:
            case str():
                return alone(self._values(value), secrets)
            case dict():
                return {
                    self._values(name): MASK
                    if by_name and hides(name, item)
                    else self._hidden(item, by_name=by_name, secrets=secrets)
                    for name, item in value.items()
                }
            case list():
                return [self._hidden(item, by_name=by_name, secrets=secrets) for item in value]
            case bool() | None:
                return value
            case _:
                text = str(value)
                return value if alone(self._values(text), secrets) == text else MASK


def secrets_in_form(value: Any) -> Iterator[Secret]:
    """Find every ``Secret`` in a decoded form, at any depth."""
    match value:
        case Secret():
            yield value
        case msgspec.Struct():
            for name in value.__struct_fields__:
                yield from secrets_in_form(getattr(value, name))
        case Mapping():
            for item in value.values():
                yield from secrets_in_form(item)
        case tuple() | list() | frozenset() | set():
            for item in value:
                yield from secrets_in_form(item)
        case _:
            return


def secrets_of_call(args: Any) -> tuple[str, ...]:
    """What stands under secrets' names in arguments, as texts to look for."""
    found: dict[str, None] = {}
    for text in named(args, hidden=False):
        if len(text.strip()) >= CALL_SECRET_CHARS_MIN:
            found[text.strip()] = None
        if len(found) >= CALL_SECRETS_MAX:
            break
    return tuple(found)


def named(value: Any, *, hidden: bool) -> Iterator[str]:
    """Yield the texts and numbers that stand under secrets' names, at any depth."""
    match value:
        case dict():
            for name, item in value.items():
                yield from named(item, hidden=hidden or hides(name, item))
        case list():
            for item in value:
                yield from named(item, hidden=hidden)
        case bool() | None:
            return
        case _ if hidden:
            yield str(value)


def hides(name: str, value: Any) -> bool:
    """Whether a value is to be masked because of its name."""
    if value is None or isinstance(value, bool) or value == "" or not is_secret_name(name):
        return False
    return not (isinstance(value, int | float) and counts_tokens(name))


def alone(text: str, secrets: Iterable[str]) -> str:
    """Mask these texts where they stand as words of their own."""
    for secret in secrets:
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return text


def forms_of(secret: str) -> Iterator[str]:
    """Yield a secret in the encodings in which it is likely to turn up."""
    yield secret
    raw = utf8(secret)
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield text
        yield json.dumps(text)[1:-1]  # JSON within JSON
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    if len(secret) < ENCODED_CHARS_MIN:
        return
    yield from (raw.hex(), raw.hex().upper())
    for place in range(3):
        for encoder in (base64.b64encode, base64.urlsafe_b64encode):
            # The characters that only the secret decides, wherever in three bytes it begins.
            encoded = encoder(bytes(place) + raw).decode()
            yield encoded[(0, 2, 3)[place] : (place + len(raw)) * 8 // 6]


def utf8(text: str) -> bytes:
    """Encode a text; what is no UTF-8 in the environment is half surrogate pairs in Python."""
    return text.encode("utf-8", "surrogatepass")
