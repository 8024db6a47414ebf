"""Arguments of a tool: from type hints to a JSON schema, and from JSON to Python values.

The hints become the fields of a msgspec struct, made once when the tool is declared. A call is
one ``msgspec.convert``; only when that fails are the arguments looked at one by one, to say
everything that is wrong at once.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from types import SimpleNamespace
from typing import Any, Final, Self

import msgspec
import msgspec.inspect

from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.policy.leaves import Path, key_path
from agentgate_server.tools.docstring import Docstring
from agentgate_server.tools.expected import Expected, expected, names_in
from agentgate_server.tools.mending import Menders, is_untouched, takes_null
from agentgate_server.tools.patterns.types import problem_in

PROBLEMS_MAX: Final = 8
"""Problems told in one error: enough to correct a call, and no echo of a hostile one."""

PROBLEM_CHARS_MAX: Final = 200
"""Characters of one problem; some quote what the caller sent."""

NAME_SHOWN_CHARS_MAX: Final = 64
"""Characters of an unknown argument's name that are repeated to its sender."""

CHOICES_MAX: Final = 20
"""Valid values that are listed when a value is none of them."""

Parameters = dict[str, tuple[Any, Any, Any]]
"""Each parameter's (type, kind, default), the latter two as in ``inspect.Parameter``."""

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Arguments:
    """The arguments that one tool takes.

    Attributes:
        schema: JSON Schema of the arguments object.
        defaults: what Python fills in for those that may be left out.
    """

    @classmethod
    def of(cls, function: Callable[..., Any], docstring: Docstring) -> Self:
        """Read a function's signature.

        Raises:
            ToolError: a parameter has no type hint, or one that JSON can't be converted to, or one
                with a pattern that could hold up the gateway.
        """
        return cls(read_parameters(function), docstring)

    def __init__(self, parameters: Parameters, docstring: Docstring) -> None:
        self.hints = {name: hint for name, (hint, kind, _) in parameters.items() if kind in NAMED}
        self.required = frozenset(
            name
            for name, (_, kind, default) in parameters.items()
            if kind in NAMED and default is inspect.Parameter.empty
        )
        self.menders = Menders()
        self.others = [hint for hint, kind, _ in parameters.values() if kind not in NAMED]
        fields = [
            (name, hint) if name in self.required else (name, hint, None)
            for name, hint in self.hints.items()
        ]
        self.model = msgspec.defstruct(
            "Arguments", fields, kw_only=True, forbid_unknown_fields=not self.others
        )
        optional = (name for name in self.hints if name not in self.required)
        self.defaults = {name: parameters[name][2] for name in optional}
        self.schema = self.make_schema(self.defaults, docstring)

    def bind(self, args: dict[str, Any]) -> dict[str, Any]:
        """Convert decoded JSON to what the function is called with.

        Only what was given is in the result: Python itself fills in the defaults. An optional
        argument whose type has no null is left out by null; see ``mending``.

        Raises:
            ArgumentError: the arguments do not fit.
        """
        try:
            if self.others:
                return self.convert(args)
            found = msgspec.convert(args, self.model, str_keys=True)  # as nearly always
            return {name: getattr(found, name) for name in args}
        except BaseException as error:  # a dataclass of the user's may raise anything when made
            problem, mended = error, args
        if type(args) is dict:
            with suppress(RecursionError):  # nested too deeply to be anything
                mended = self.mended(args)
        if mended is not args:
            try:
                return self.convert(mended)
            except BaseException as error:  # the same
                problem = error
        raise ArgumentError(*self.explain(mended, problem)) from problem

    def takes_as_written(self, args: dict[str, Any]) -> bool:
        """Whether all of the arguments are given, and each is just what the function gets; quick,
        since nearly all calls are so. Of what does not fit, or of others, nothing is said here."""
        if len(args) != len(self.hints) or self.others:
            return False
        try:
            found = msgspec.convert(args, self.model, str_keys=True)
        except BaseException:  # it is found again, and told, where they are bound
            return False
        for name, value in args.items():
            if value is None or getattr(found, name) is not value:
                return False
        return True

    def convert(self, args: dict[str, Any]) -> dict[str, Any]:
        """Convert arguments just as they are written, or raise whatever the user's types do."""
        found = msgspec.convert(args, self.model, str_keys=True)
        if not self.others:
            return {name: getattr(found, name) for name in args}
        return {
            name: getattr(found, name)
            if name in self.hints
            else msgspec.convert(value, self.others[0], str_keys=True)
            for name, value in args.items()
        }

    def mended(self, args: dict[str, Any]) -> dict[str, Any]:
        """Return arguments as their types want them, as far as that is certain; the very same, if
        there is nothing to mend."""
        mended = {}
        for name, value in args.items():
            shape = self.shapes.get(name, self.others_shape)
            if shape is None:
                mended[name] = value
            elif value is not None or name in self.required or takes_null(shape):
                mended[name] = self.menders.of(shape)(value)
        return args if is_untouched(mended, args) else mended

    @cached_property
    def shapes(self) -> dict[str, msgspec.inspect.Type | None]:
        """What msgspec tells of the arguments' types; None: it can't tell."""
        return {name: shape_or_none(hint) for name, hint in self.hints.items()}

    @cached_property
    def others_shape(self) -> msgspec.inspect.Type | None:
        """The same of further arguments; None: there are none."""
        return shape_or_none(self.others[0]) if self.others else None

    def expected(self, path: Path) -> Expected:
        """Say what may stand at a path, for those who check policies."""
        for name, hint in self.hints.items():
            own = key_path(name)
            if path[: len(own)] == own:
                return expected(shape_of(hint), path[len(own) :])
        return Expected(tuple(map(shape_of, self.others)))

    @property
    def names(self) -> frozenset[str] | None:
        """See ``Tool.names``."""
        inner = None if self.others else names_in(map(shape_of, self.hints.values()))
        return None if inner is None else inner.union(*map(key_path, self.hints))

    def make_schema(self, defaults: dict[str, Any], docstring: Docstring) -> dict[str, Any]:
        """Make the schema: the struct's own, with descriptions and the function's defaults."""
        types = [self.model, *self.others]
        roots, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
        schema: dict[str, Any] = components.pop(roots[0]["$ref"].removeprefix("#/$defs/"))
        del schema["title"]
        if self.others:
            schema["additionalProperties"] = roots[1] or True
        for name, entry in schema["properties"].items():
            entry.pop("default", None)
            if name not in self.required:
                with suppress(Exception):  # a default that JSON can't say is not told
                    entry["default"] = msgspec.to_builtins(defaults[name], str_keys=True)
            if name in docstring.arguments:
                entry.setdefault("description", docstring.arguments[name])
        if components:
            schema["$defs"] = components
        return schema

    def explain(self, args: Any, error: BaseException) -> list[str]:
        """Say what is wrong, one text for each argument; at least one."""
        if not isinstance(args, dict):
            return ["the arguments must be an object of names and values"]
        found = [
            shorten(problem, PROBLEM_CHARS_MAX)
            for problem in islice(self.problems(args), PROBLEMS_MAX + 1)
        ]
        found[PROBLEMS_MAX:] = ["and more"] if len(found) > PROBLEMS_MAX else []
        return found or [shorten(plain(error), PROBLEM_CHARS_MAX)]

    def problems(self, args: dict[str, Any]) -> Iterator[str]:
        """Find what is wrong, one by one, so that a flood of nonsense is not read to its end."""
        for name, value in args.items():
            if name not in self.hints and not self.others:
                yield self.explain_unknown(name, args)
            elif problem := self.explain_value(name, value):
                yield problem
        for name in self.hints:
            if name in self.required and name not in args:
                yield f"missing argument '{name}'"

    def explain_unknown(self, name: str, args: dict[str, Any]) -> str:
        """Name the nearest argument that the function does take, or all of them."""
        from difflib import get_close_matches

        shown = shorten(name, NAME_SHOWN_CHARS_MAX)
        near = get_close_matches(shown, [known for known in self.hints if known not in args], n=1)
        if near:
            return f"unknown argument '{shown}', did you mean '{near[0]}'?"
        takes = ", ".join(self.hints) or "none"
        return f"unknown argument '{shown}', the arguments are: {takes}"

    def explain_value(self, name: str, value: Any) -> str:
        """Say what was expected instead of this value, or "" if it fits."""
        hint = self.hints[name] if name in self.hints else self.others[0]
        try:
            msgspec.convert(value, hint, str_keys=True)
        except BaseException as error:  # whatever a type of the user's raises
            shown = shorten(name, NAME_SHOWN_CHARS_MAX)
            return f"argument '{shown}': {plain(error)}{self.choices(name)}"
        return ""

    def choices(self, name: str) -> str:
        """List the valid values of an argument that has only some."""
        entry = self.schema["properties"].get(name, {})
        if "$ref" in entry:
            entry = self.schema["$defs"][entry["$ref"].removeprefix("#/$defs/")]
        values = entry.get("enum")
        if not values:
            return ""
        more = ", ..." if len(values) > CHOICES_MAX else ""
        return ", expected one of " + ", ".join(map(repr, values[:CHOICES_MAX])) + more


def shape_of(hint: Any) -> msgspec.inspect.Type:
    """Return what msgspec tells of a type."""
    return msgspec.inspect.type_info(hint)


def shape_or_none(hint: Any) -> msgspec.inspect.Type | None:
    """Return the same, or None where it can't tell."""
    try:
        return shape_of(hint)
    except TypeError:
        return None


def read_parameters(function: Callable[..., Any]) -> Parameters:
    """Return the parameters of a function.

    Raises:
        ToolError: a parameter can't be filled by name from JSON.
    """
    plain_function = inspect.unwrap(getattr(function, "__func__", function))
    parameters = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            raise ToolError(f"'*{name}' can't be filled: arguments come by name; use a list")
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            raise ToolError(
                f"argument '{name}' is positional only, but arguments come by name: remove the '/'"
            )
        hint = read_hint(name, parameter, getattr(plain_function, "__globals__", {}))
        parameters[name] = (hint, parameter.kind, parameter.default)
    return parameters


def read_hint(name: str, parameter: inspect.Parameter, names: dict[str, Any]) -> Any:
    """Return a parameter's type; a hint that is text is looked up among the module's names."""
    hint = parameter.annotation
    if hint is inspect.Parameter.empty:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            return Any
        if name in ("self", "cls"):
            raise ToolError(
                "it is a method: give python_tool(object.method) to the catalogue instead"
            )
        raise ToolError(f"argument '{name}' has no type hint: write for instance '{name}: str'")
    try:
        holder = SimpleNamespace(__annotations__={name: hint})
        hint = typing.get_type_hints(holder, globalns=names, include_extras=True)[name]
        msgspec.json.Decoder(hint)
        msgspec.json.schema(hint)
    except Exception as error:
        raise ToolError(f"argument '{name}': {explain_hint(error)}") from error
    if problem := problem_in(hint):
        raise ToolError(f"argument '{name}': {problem}")
    return hint


def explain_hint(error: Exception) -> str:
    """Say why a type hint is of no use, in one line."""
    if isinstance(error, NameError):
        return f"{error}; a type must be defined above the tool, at the top level of its module"
    last = str(error).strip().splitlines()[-1]
    return f"{last.replace('`', '')}; use types that JSON can be converted to"


def plain(error: BaseException) -> str:
    """Turn msgspec's words into a part of a sentence: no backquotes, the path in our own form."""
    text = (str(error) or type(error).__name__).replace("`", "").replace(" - at $", " at ", 1)
    return text[:1].lower() + text[1:]


def shorten(text: str, chars_max: int) -> str:
    """Cut a text that came from somebody else."""
    return text if len(text) <= chars_max else text[: chars_max - 3] + "..."
