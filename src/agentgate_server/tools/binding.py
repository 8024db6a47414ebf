"""Binding: from what an agent writes to what a function is called with, by way of one form.

What is decided, shown, approved, kept and run must be one thing. So arguments are converted once,
and what came of that is written as JSON again: the *bound form*, with defaults at every depth and
one spelling of each value. Everything after that, the function itself included, has it from there.

Read again, the form says the same; that is looked at each time, and what does not read back has no
such form (a class that changes what it is given, each time anew). It stays as it is written; rules
take it for anything at all, and so they do with a default that JSON can't say.

An argument that is null where null is its default is left out: nothing is filled in for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.digest import canonical_args
from agentgate_server.policy.meanings import Either, Meant, forms_of
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.forms import (
    UNSAYABLE,
    bound_form,
    either,
    given,
    is_exact,
    is_fixed,
)

INTEGER_MAX: Final = 2**63 - 1
"""Of a whole number that JSON encoders here can write."""

SCALARS: Final = frozenset({type(None), bool, int, float, str})


class Binding:
    """The arguments of one tool, and the form that they are bound in.

    Args:
        arguments: what it takes.

    Attributes:
        defaults: the forms of the defaults that can be shown, by argument; none that are None.
        unsaid: what policy gets for the others: anything.
        unreadable: names of arguments whose default only is shown by its form, because it is not
            of their own type, or infinite: the function gets the default itself.
    """

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        hints = arguments.hints
        self.defaults: dict[str, Any] = {}
        self.unsaid: dict[str, Any] = {}
        self._forms: dict[str, Any] = {}
        self._fixed = frozenset(name for name, hint in hints.items() if is_fixed(hint))
        self._loose = frozenset(name for name, hint in hints.items() if not is_exact(hint))
        self._loose_others = not all(map(is_exact, arguments.others))
        self._has_forms = bool(self._loose) or self._loose_others
        unreadable = set()
        for name, default in arguments.defaults.items():
            if default is None:
                continue
            form = bound_form(default)
            if form is UNSAYABLE:
                if isinstance(default, float):  # no number of JSON, but people can be shown it
                    self.defaults[name] = str(default)
                    self._forms[name] = Either((str(default), default))
                    unreadable.add(name)
                else:
                    self.unsaid[name] = UNSAYABLE
                continue
            read = self._read(name, form)
            if self._reads_back(name, read):
                self.defaults[name], self._forms[name] = read, either(self._value(name, read))
            else:
                self.defaults[name], self._forms[name] = form, either(default)
                unreadable.add(name)
        self.unreadable = frozenset(unreadable)
        # Nothing of the user's is made then, which is made once only.
        self._is_quick = not unreadable and not self._has_forms

    def bound(self, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what the function gets, as JSON in its one form; None: just what is written.

        Raises:
            ArgumentError: the arguments do not fit.
        """
        if self._is_quick and type(args) is dict and self.arguments.takes_as_written(args):
            return None
        found = self._converted(args)
        if is_untouched(found, args) and self.defaults.keys() <= found.keys():
            return None
        form = {**self.defaults}
        is_written = len(found) == len(args)
        optional = self.arguments.defaults
        for name, value in found.items():
            written = args[name]
            if value is None and optional.get(name, self) is None:
                is_written = False
            else:
                form[name] = one = self._form(name, value, written)
                is_written &= one is written
        return None if is_written and len(form) == len(args) else form

    def values(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the function is called with for a bound form. What is left out of it Python
        itself fills in: None, and what JSON can't say.

        Raises:
            ArgumentError: the arguments do not fit.
        """
        if self.unreadable or type(args) is not dict:
            return self._converted(args)
        return self.arguments.bind(args)

    def meant(self, args: Mapping[str, Any], bound: Mapping[str, Any]) -> Meant | None:
        """Say what the function gets; see ``policy.meanings``.

        Args:
            args: the arguments as they are written.
            bound: the form that they are bound in.

        Raises:
            ArgumentError: they do not fit.
        """
        if bound is args and not self._has_forms and args.keys() >= self.unsaid.keys():
            return None
        whole = {**self.unsaid, **bound}
        strict = {**args}
        for name in self._forms.keys() & bound.keys():
            if args.get(name) is None:
                whole[name] = self._forms[name]
        if self._has_forms:
            for name, value in self._converted(bound).items():
                if name in args and args[name] is not None and self._is_loose(name):
                    whole[name] = self._all_forms(name, value, args[name], bound[name])
                    strict[name] = given(value, args[name])
        if whole == args == strict:
            return None
        return Meant(whole, None if strict == args else strict)

    def _converted(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Convert arguments; one that only shows an unreadable default is left out."""
        if not self.unreadable:
            return self.arguments.bind(args if type(args) is dict else dict(args))
        shown = [name for name in self.unreadable if args.get(name) == self.defaults[name]]
        return self.arguments.bind({n: value for n, value in args.items() if n not in shown})

    def _form(self, name: str, value: Any, written: Any) -> Any:
        """Return the one form of an argument; ``written`` itself if that is it."""
        if type(value) in SCALARS:
            if type(value) is type(written):
                return written
            return written if isinstance(value, int) and abs(value) > INTEGER_MAX else value
        if name in self._fixed:
            return written
        form = bound_form(value)
        if self._is_loose(name) and not self._reads_back(name, form):
            return written
        return written if is_same(form, written) else form

    def _all_forms(self, name: str, value: Any, written: Any, bound: Any) -> Any:
        """Return all forms of an argument for deny and ask rules, the bound one first."""
        forms = forms_of(either(value, written))
        if self._reads_back(name, bound_form(value)):
            return forms[0] if len(forms) == 1 else Either(forms)
        return Either((bound, *forms, UNSAYABLE))

    def _reads_back(self, name: str, form: Any) -> bool:
        """Whether a form, read again, is the same."""
        return form is not UNSAYABLE and is_same(self._read(name, form), form)

    def _read(self, name: str, form: Any) -> Any:
        """Return the form of what a form is read as; ``UNSAYABLE``: it can't be read."""
        try:
            return bound_form(self._value(name, form))
        except BaseException:  # a type of the user's may raise anything when made
            return UNSAYABLE

    def _value(self, name: str, form: Any) -> Any:
        hints = self.arguments.hints
        hint = hints[name] if name in hints else self.arguments.others[0]
        return msgspec.convert(form, hint, str_keys=True)

    def _is_loose(self, name: str) -> bool:
        return name in self._loose or (self._loose_others and name not in self.arguments.hints)


def is_untouched(found: dict[str, Any], args: Mapping[str, Any]) -> bool:
    """Whether conversion has left all values as they are; quick, since nearly all calls are so."""
    if len(found) != len(args):
        return False
    for name, value in found.items():
        if value is not args[name] or value is None:
            break
    else:
        return True
    return False


def is_same(one: Any, other: Any) -> bool:
    """Whether two forms are the same text: 5.0 is not 5."""
    try:
        return canonical_args(one) == canonical_args(other)
    except (OverflowError, TypeError, ValueError, RecursionError):
        return False
