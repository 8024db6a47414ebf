"""Modules that define tools: import them by name or by file, and say plainly what went wrong."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from agentgate_server.errors import ToolError
from agentgate_server.tools.python import tool_of
from agentgate_server.tools.tool import Tool

MACHINERY = (str(Path(__file__).parent), str(Path(importlib.__file__).parent), "<")
"""Where the files lie that are no help to somebody whose module can't be imported."""


OURS = "agentgate_tools_"
"""What the names begin with of modules that a path names."""


def load_module(name: str, base: Path) -> ModuleType:
    """Import a module.

    The folder ``base`` becomes importable, after everything that Python already knows, so that a
    file there can't take the place of a standard module by accident.

    Args:
        name: a dotted name, or the path of a ``.py`` file, absolute or relative to ``base``.
        base: the folder of the configuration.

    Raises:
        ToolError: there is no such module, or it raised while it was imported.
    """
    folder = str(base.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()
    if name.endswith(".py") or "/" in name or os.sep in name:
        return load_file(name, base)
    if not all(part.isidentifier() for part in name.split(".")):
        raise ToolError(f"'{name}' is no module: write package.module, or a path like tools.py")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = f"which tools.python names{nearest(name, base)}"
            raise ToolError(f"there is no module '{name}', {where}") from error
        raise ToolError(explain(name, error)) from error
    except (Exception, SystemExit) as error:
        raise ToolError(explain(name, error)) from error


def load_file(name: str, base: Path) -> ModuleType:
    """Import a file once, under a module name that its path makes unique."""
    path = (base / name).resolve()
    if not path.is_file():
        where = f"which tools.python names{nearest(path.stem, path.parent)}"
        raise ToolError(f"there is no file {path}, {where}")
    module_name = f"{OURS}{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ToolError(f"{name} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        # Python's name of the module is ours, and tells nobody anything
        raise ToolError(explain(name, error).replace(f"{module_name}.", "")) from error
    return module


def tools_in(module: ModuleType) -> list[Tool]:
    """Return the tools that a module defines, in order; a package counts as one with its parts.

    What a module merely imports is not offered: importing a function is not meant to hand it to
    an agent.

    Raises:
        ToolError: it defines none.
    """
    own: list[Tool] = []
    imported: list[Tool] = []
    for thing in vars(module).values():
        found = tool_of(thing)
        if found is None:
            continue
        home = getattr(thing, "__module__", "")
        is_own = home == module.__name__ or home.startswith(f"{module.__name__}.")
        (own if is_own else imported).append(found)
    if own:
        return own
    file = getattr(module, "__file__", None)
    is_ours = module.__name__.startswith(OURS)
    where = str(file) if is_ours else f"module {module.__name__} ({file or 'built in'})"
    if imported:
        raise ToolError(f"{where} only imports its tools: name the module of {imported[0].origin}")
    raise ToolError(
        f"{where} defines no tool: put @tool above a function, or, if another file was meant, "
        "write its path, ending in .py"
    )


def explain(name: str, error: BaseException) -> str:
    """Say in one line what a module raised, and where."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.startswith(MACHINERY)]
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())
    if isinstance(error, ToolError):
        return f"{text}{where}"
    return f"module {name} can't be imported: {type(error).__name__}: {text}{where}"


def nearest(name: str, folder: Path) -> str:
    """Suggest a module of the folder with a similar name."""
    from difflib import get_close_matches

    stems = [path.stem for path in sorted(folder.glob("*.py"))] if folder.is_dir() else []
    near = get_close_matches(name, stems, n=1)
    return f"; did you mean {near[0]}?" if near else f" (looked in {folder} and in Python's path)"
