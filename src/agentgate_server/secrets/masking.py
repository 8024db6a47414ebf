"""Masking: no secret leaves by a log, an audit entry, an error or a screen.

A secret is known by its value (every :class:`~agentgate_server.secrets.secret.Secret` of the
configuration, wherever it turns up, in clear and in the encodings that it is likely to be in) or
by the name it stands under in JSON (see :mod:`agentgate_server.secrets.secret_names`).

What is asked is shown by the rules of :mod:`agentgate_server.secrets.hiding`, to people and in the
audit alike. What a tool said of its call, a result, an error, a log line, is searched for what the
call has under secrets' names as well, unless that stands in the open in the same call.

The arguments that run, and the results that go back to the agent that asked, keep what stands under
such names: they are its own. A configured secret is hidden from agents too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET

from agentgate_proto.audit.sealing import Seal
from agentgate_proto.digest import canonical_args
from agentgate_proto.records.audit_entry import AUDIT_ARGS_BYTES_MAX, AuditEntry
from agentgate_proto.records.decision import Action
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import Grant, words_of
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record
from agentgate_server.policy.signature import encode as encode_anyhow
from agentgate_server.policy.signature import person_sees
from agentgate_server.secrets.forms import ENCODED_CHARS_MIN, forms_of
from agentgate_server.secrets.hiding import MASK, Arguments, alone, encode, told_apart
from agentgate_server.secrets.needles import Needles
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import counts_tokens, is_secret_name, names_in

SECRET_CHARS_MIN = 5
"""A configured secret that is shorter is hidden only where it stands alone: hidden everywhere, it
would tear holes into all texts, and where the holes are would tell what it is."""

GUESSED_CHARS_MAX = 20
"""What is as long is nothing that can be found by guessing: a key or a token."""

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

Known = frozenset[str]
NOTHING: Known = frozenset()
current: ContextVar[CallInProgress | None] = ContextVar("call_in_progress", default=None)


class CallInProgress:
    """While this is entered, texts are masked of what stands under secrets' names in ``args``.

    A class, because ``contextlib`` costs more than the tools that return at once.
    """

    __slots__ = ("args", "found", "reset", "tool")

    def __init__(self, tool: str, args: Mapping[str, Any]) -> None:
        self.tool = tool
        self.args = args
        self.found: tuple[str, ...] | None = None

    def __enter__(self) -> None:
        self.reset = current.set(self)

    def __exit__(self, *exc_info: object) -> None:
        try:
            current.reset(self.reset)
        except ValueError:  # dropped by Python in another context, where it was never entered
            self.found = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What to look for; most calls end without anybody asking."""
        if self.found is None:
            self.found = Arguments(self.args).secrets(self.tool)
        return self.found


class Masker:
    """Knows the secrets, and hides them.

    May be used from any thread. What is masked stays JSON, and nothing else is lost: names in an
    object stay apart from each other. A number that is a secret becomes a text, since any other
    number would be taken for a true one.

    Args:
        secrets: the values to hide, see :func:`secrets_in_form`.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._forms: dict[str, str] = {}
        self._short: dict[str, str] = {}
        self._guessable = NOTHING
        self._needles = Needles()
        self.learn(secrets)

    def __repr__(self) -> str:
        return f"Masker({len(self._forms)} forms)"

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Hide these too, from now on; those known before stay hidden."""
        for secret in secrets:
            words = [word for word in secret.value.split() if len(word) >= ENCODED_CHARS_MIN]
            for part in (secret.value, *words):  # of "Bearer …" it is the second that counts
                if len(part) >= SECRET_CHARS_MIN:
                    self._forms |= dict.fromkeys(forms_of(part), part)
                elif part.strip():
                    self._short[part] = part
        parts = [*self._forms.values(), *self._short]
        self._guessable = frozenset(part for part in parts if len(part) < GUESSED_CHARS_MAX)
        self._needles = Needles(self._forms, self._short)

    def text(self, text: str) -> str:
        """Hide secrets in words for people: an error, a line of a log.

        Besides values, what is written like ``password=…`` is hidden, and what the call that is in
        progress has under secrets' names.
        """
        call = current.get()
        return self._words(text, call.secrets if call is not None else ())

    def told(self, text: str) -> str:
        """Hide secrets in words for the agent whose call is in progress, as :meth:`text` does.

        What can be guessed and it sent itself it gets back as it is: a mask would tell it which
        guess was right.
        """
        call = current.get()
        secrets = call.secrets if call is not None else ()
        return self._words(text, secrets, self._known(call))

    def result(self, data: bytes) -> bytes:
        """Hide configured secrets in JSON on its way to the agent whose call is in progress.

        Names make no difference; for guesses that it sent see :meth:`told`.
        """
        if not self._needles.are_in(data):
            return data
        known = self._known(current.get())
        value = msgspec.json.decode(data)
        return self._encoded(self._hidden(value, by_name=False, known=known), known)

    def shown(self, data: bytes) -> bytes:
        """Return arguments, as JSON, as people may see them."""
        found = self._arguments(data)
        return data if found is None else encode(found.shown)

    def made(self, data: bytes) -> bytes:
        """Return arguments that a person has changed, as JSON, as the agent may see them whose call
        is in progress: what stands under secrets' names may be that person's."""
        found = self._arguments(data, self._known(current.get()))
        return data if found is None else encode(found.shown)

    def record(self, record: Record, *, to_asker: bool = False) -> Record:
        """Return a request as people may see it. What runs is the request itself, never this.

        The warning says what whoever decides must know of what is hidden.

        Args:
            record: the request.
            to_asker: it goes back to whoever asked, so no mask may tell which guess was right. The
                configured secrets in it that can be guessed were sent by them, or were hidden in
                the outcome when the tool ran.
        """
        known = self._guessable if to_asker else NOTHING
        args, signature, warning = record.args, record.signature, record.warning
        secrets: tuple[str, ...] = ()
        found = self._arguments(bytes(args), known)
        if found is not None:
            args = msgspec.Raw(encode(found.shown))
            signature = person_sees(record.tool, found.shown)
            secrets = found.secrets(record.tool)
            warning = both(warning, found.warning())
        request_id = record.request_id
        return msgspec.structs.replace(
            record,
            why=self._words(record.why, secrets, known) if record.why else "",
            edit=self._edit(record, known),
            args=args,
            signature=signature,
            warning=warning,
            doubt=self._words(record.doubt, secrets, known) if record.doubt else "",
            client_id=self._values(record.client_id, known),
            request_id=(
                self._values(request_id, known) if isinstance(request_id, str) else request_id
            ),
            idempotency_key=self._values(record.idempotency_key, known),
            outcome=self._outcome(record.outcome, secrets, known),
        )

    def _edit(self, record: Record, known: Known) -> Edit | None:
        """What a person has made of a request, as people may see it."""
        edit = record.edit
        found = self._arguments(bytes(edit.args), known) if edit is not None else None
        if edit is None or found is None:
            return edit
        signature = person_sees(record.tool, found.shown)
        return msgspec.structs.replace(
            edit, args=msgspec.Raw(encode(found.shown)), signature=signature
        )

    def grant(self, grant: Grant) -> tuple[Grant, str]:
        """Return a grant as people may see it, and what it allows, in words for them.

        What is compared with is the grant itself.
        """
        found = self._arguments(bytes(grant.args))
        if found is None:
            return grant, words_of(grant)
        seen = msgspec.structs.replace(grant, args=msgspec.Raw(encode(found.shown)))
        return seen, both(words_of(seen), found.warning())

    def entries(self, entries: list[AuditEntry], seal: Seal) -> list[AuditEntry]:
        """Return entries of the audit as they may be kept for years and handed to others.

        Short ones are looked at together: nearly always there is nothing to hide in any.

        Args:
            entries: what happened.
            seal: makes keyed digests of what is hidden.
        """
        all_args = [entry.args for entry in entries if entry.args is not None]
        all_args += [entry.asked_args for entry in entries if entry.asked_args is not None]
        if any(len(memoryview(args)) > AUDIT_ARGS_BYTES_MAX for args in all_args):
            return [self._entry(entry, seal) for entry in entries]
        args = b"\n".join(all_args)
        texts = {entry.client_id for entry in entries}
        for entry in entries:
            if entry.message or entry.detail or entry.address or type(entry.request_id) is str:
                texts |= {entry.message, entry.detail, entry.address, str(entry.request_id)}
            if entry.doubt or entry.why or entry.word:
                texts |= {entry.doubt, entry.why, entry.word}
        if self._is_clean(args) and (text := "\n".join(texts)) == self._values(text):
            return entries
        return [self._entry(entry, seal) for entry in entries]

    def _entry(self, entry: AuditEntry, seal: Seal) -> AuditEntry:
        args, digest, warning = entry.args, entry.digest, entry.warning
        doubt, why = self._values(entry.doubt), self._values(entry.why)
        asked_args, asked_digest = entry.asked_args, entry.asked_digest
        masked: dict[str, str] = {}
        found = self._arguments(bytes(args)) if args is not None else None
        if found is not None:
            args = msgspec.Raw(encode(found.shown))
            masked = {
                place: seal.of_value(entry.rid, place, canonical_args(value))
                for place, value in found.hidden()
            }
            secrets = found.secrets(entry.tool)
            doubt, why = alone(doubt, secrets), alone(why, secrets)
            if entry.decision == Action.ASK:
                warning = both(warning, found.warning())
        if digest and found is not None:
            # A plain one would tell a short secret to whoever tries them all.
            digest = seal.of_request(entry.rid, digest)
        asked = self._arguments(bytes(asked_args)) if asked_args is not None else None
        if asked is not None:
            asked_args = msgspec.Raw(encode(asked.shown))
            asked_digest = seal.of_request(entry.rid, asked_digest)
        request_id = entry.request_id
        return msgspec.structs.replace(
            entry,
            why=why,
            word=self._values(entry.word),
            asked_args=asked_args,
            asked_digest=asked_digest,
            args=args,
            digest=digest,
            masked=masked,
            warning=warning,
            doubt=doubt,
            client_id=self._values(entry.client_id),
            request_id=self._values(request_id) if isinstance(request_id, str) else request_id,
            message=self._values(entry.message),
            detail=self._values(entry.detail),
            address=self._values(entry.address),
        )

    def _outcome(
        self, outcome: Outcome | None, secrets: tuple[str, ...], known: Known
    ) -> Outcome | None:
        if outcome is None:
            return None
        data, message, edited = outcome.data, outcome.message, outcome.edited
        if edited is not UNSET and (found := self._arguments(bytes(edited), known)) is not None:
            edited = msgspec.Raw(encode(found.shown))
        if secrets or not self._is_clean(bytes(data)):
            decoded = msgspec.json.decode(data)
            hidden = self._hidden(decoded, by_name=True, secrets=secrets, known=known)
            data = msgspec.Raw(self._encoded(hidden, known))
        if message:
            message = self._words(message, secrets, known)
        return msgspec.structs.replace(outcome, data=data, message=message, edited=edited)

    def _arguments(self, data: bytes, known: Known = NOTHING) -> Arguments | None:
        """Arguments that are not shown as they are; None: nothing in them is hidden."""
        if self._is_clean(data):
            return None
        found = Arguments(msgspec.json.decode(data), partial(self._values, known=known))
        return found if found.hides else None

    def _known(self, call: CallInProgress | None) -> frozenset[str]:
        """The secrets that can be guessed and of which a call's own arguments hold some form."""
        if call is None or self._needles.is_empty:
            return NOTHING
        forms = self._needles.found(encode_anyhow(call.args))
        return self._guessable.intersection(map(self._secret_of, forms))

    def _secret_of(self, form: str) -> str:
        return self._forms.get(form) or self._short[form]

    def _words(self, text: str, secrets: tuple[str, ...], known: Known = NOTHING) -> str:
        text = alone(self._values(text, known), secrets)
        if HINTS.search(text):
            text = NAMED_IN_TEXT.sub(rf"\1{MASK}", text)
            text = USER_INFO.sub(rf"\1{MASK}", BEARER.sub(rf"\1{MASK}", text))
        return text

    def _values(self, text: str, known: Known = NOTHING) -> str:
        if not known:
            return self._needles.replaced(text, masked)
        return self._needles.replaced(
            text, lambda form: form if self._secret_of(form) in known else MASK
        )

    def _is_clean(self, data: bytes) -> bool:
        """Whether JSON certainly holds no secret, told without decoding it: nearly always."""
        if self._needles.are_in(data):
            return False
        if b"\\" in data:
            return False  # a name may be written with escapes
        return not any(is_secret_name(name.decode()) for name in names_in(data))

    def _encoded(self, value: Any, known: Known = NOTHING) -> bytes:
        """Encode masked JSON. A secret that is spelled by several values together hides it all."""
        data = encode(value)
        if self._needles.are_in(data):
            text = data.decode()
            return data if self._values(text, known) == text else encode(MASK)
        return data

    def _hidden(
        self,
        value: Any,
        *,
        by_name: bool,
        secrets: tuple[str, ...] = (),
        known: Known = NOTHING,
    ) -> Any:
        """Return a decoded result without secrets."""

        def hidden(item: Any) -> Any:
            match item:
                case str():
                    return alone(self._values(item, known), secrets)
                case dict():
                    names = [self._values(name, known) for name in item]
                    values = [
                        MASK if by_name and hides(name, below) else hidden(below)
                        for name, below in item.items()
                    ]
                    return dict(zip(told_apart(list(item), names), values, strict=True))
                case list():
                    return [hidden(below) for below in item]
                case bool() | None:
                    return item
                case _:
                    text = str(item)
                    return item if alone(self._values(text, known), secrets) == text else MASK

        return hidden(value)


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


def hides(name: str, value: Any) -> bool:
    """Whether a value in a result is to be masked because of its name."""
    if value is None or isinstance(value, bool) or value == "" or not is_secret_name(name):
        return False
    return not (isinstance(value, int | float) and counts_tokens(name))


def masked(_: str) -> str:
    """What stands in the place of any secret."""
    return MASK


def both(words: str, warning: str) -> str:
    """Join words of ours, either of which may be missing."""
    return "; ".join(filter(None, (words, warning)))
