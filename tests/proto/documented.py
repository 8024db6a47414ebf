"""Which values of a module are followed by their reason."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType


def documented(module: ModuleType) -> dict[str, bool]:
    """Return the names that are given a value in a module and its classes, and whether a text
    follows each."""
    tree = ast.parse(inspect.getsource(module))
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    return {name: reason for body in bodies for name, reason in documented_in(body).items()}


def documented_in(body: list[ast.stmt]) -> dict[str, bool]:
    """Return the names that are given a value in a body, and whether a text follows each."""
    found = {}
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            target: ast.expr = statement.target
        elif isinstance(statement, ast.Assign):
            target = statement.targets[0]
        else:
            continue
        assert isinstance(target, ast.Name)
        found[target.id] = (
            isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
            and isinstance(following.value.value, str)
        )
    return found
