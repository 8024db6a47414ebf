"""The arguments of an HTTP tool: from their declaration to what checks them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.docstring import Docstring
from agentgate_server.tools.http.form import PATTERN_TEXT_CHARS_MAX, ArgumentForm
from agentgate_server.tools.patterns.cost import problem_of as problem_of_pattern

TYPES: Final[dict[str, Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
}
SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


class HttpArguments:
    """Checks what an agent gives, and fills in defaults.

    Attributes:
        schema: JSON Schema of the arguments object.
        forms: the declarations.
    """

    def __init__(self, forms: Mapping[str, ArgumentForm]) -> None:
        """Take declarations; ``problem_of`` has nothing against each."""
        self.forms = forms
        self.defaults = {name: form.default for name, form in forms.items() if has_default(form)}
        keyword = inspect.Parameter.KEYWORD_ONLY
        empty = inspect.Parameter.empty
        parameters = {
            name: (
                hint_of(form),
                keyword,
                empty if is_required(form) else None if not has_default(form) else form.default,
            )
            for name, form in forms.items()
        }
        texts = {name: form.description for name, form in forms.items() if form.description}
        self.checker = Arguments(parameters, Docstring(arguments=texts))
        self.schema = self.checker.schema
        for name, form in forms.items():
            if not is_required(form) and not has_default(form):
                self.schema["properties"][name].pop("default", None)

    def values(self, args: dict[str, Any]) -> dict[str, Any]:
        """Return every argument that has a value.

        Raises:
            ArgumentError: they do not fit.
        """
        bound = self.checker.bind(args)
        # A number stays as it was written: 5 is not 5.0 in a URL.
        given = {
            name: args[name] if self.forms[name].type == "number" else value
            for name, value in bound.items()
        }
        return {**self.defaults, **given}

    def bound(self, args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the form that arguments are bound in; None: just what is written.

        Args:
            args: the arguments.
            values: what ``values`` makes of them. What is null by default is left out.
        """
        form = {
            name: value
            for name, value in values.items()
            if value is not None or self.defaults.get(name, self) is not None
        }
        is_written = len(form) == len(args) and all(
            name in args and value is args[name] for name, value in form.items()
        )
        return None if is_written else form


def has_default(form: ArgumentForm) -> bool:
    """Whether it has a value if it is not given."""
    return form.default is not msgspec.UNSET


def is_required(form: ArgumentForm) -> bool:
    """Whether it must be given."""
    return not has_default(form) if form.required is None else form.required


def is_certain(form: ArgumentForm) -> bool:
    """Whether it always has a value."""
    return is_required(form) or has_default(form)


def problem_of(form: ArgumentForm) -> str:
    """Return why a declaration makes no sense, or ""."""
    if form.required and has_default(form):
        return "it is required, so its default is never used: remove one of them"
    if form.pattern and form.type != "string":
        return "pattern is for type string"
    if form.type not in ("string", "integer", "number") and not (form.min is form.max is None):
        return "min and max are for numbers and texts"
    if form.enum and not all(type(value) is TYPES[form.type] for value in form.enum):
        return f"enum has a value that is no {form.type}"
    if form.enum and (form.pattern or not (form.min is form.max is None)):
        return "enum says all: remove pattern, min and max"
    if problem := problem_of_pattern(form.pattern, chars_max=chars_of(form), whole=True):
        return problem
    if has_default(form) and form.default is not None:
        try:
            msgspec.convert(form.default, hint_of(form))
        except msgspec.ValidationError as error:
            return f"its default does not fit: {str(error).replace('`', '')}"
    return ""


def hint_of(form: ArgumentForm) -> Any:
    """Return the type that msgspec checks."""
    if form.enum:
        return Literal[form.enum]
    limits: dict[str, Any] = {}
    if form.type == "string":
        limits = {"min_length": whole(form.min), "max_length": whole(form.max)}
        if form.pattern:
            # "$" alone would let a final line break pass.
            limits["pattern"] = rf"^(?:{form.pattern})$(?!\n)"
            limits["max_length"] = chars_of(form)
    elif form.type == "integer":
        limits = {"ge": whole(form.min), "le": whole(form.max)}
    elif form.type == "number":
        limits = {"ge": form.min, "le": form.max}
    given = {key: value for key, value in limits.items() if value is not None}
    hint = TYPES[form.type]
    return Annotated[hint, msgspec.Meta(**given)] if given else hint


def chars_of(form: ArgumentForm) -> int:
    """Return how long a text may be that meets a pattern."""
    if form.max is not None:
        return max(int(form.max), 0)
    return max(PATTERN_TEXT_CHARS_MAX, int(form.min or 0))


def whole(value: float | None) -> int | None:
    """Return a limit as the whole number that it is."""
    return None if value is None else int(value)
