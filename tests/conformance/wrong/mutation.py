"""A mutation: our client or gateway with one small mistake in it, in a process of its own.

The mistake is made as the module is imported: nothing is copied, nothing is written, and no other
process sees it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from tests.change import Change

PROTO, CLIENT = "agentgate_proto", "agentgate_client"
BASE = f"{PROTO}/connection/base.py"
CONNECTION = f"{PROTO}/connection/client.py"
WIRE = f"{PROTO}/wire/client.py"
WEBSOCKET = f"{PROTO}/wire/websocket.py"
JSONRPC = f"{PROTO}/rpc/jsonrpc.py"
MESSAGES = f"{PROTO}/rpc/messages.py"
LIMITS = f"{PROTO}/limits.py"
BACKOFF = f"{PROTO}/client/backoff.py"
BOOK = f"{PROTO}/client/call_book.py"
CALLS = f"{PROTO}/client/calls.py"
IDS = f"{PROTO}/client/request_ids.py"
KNOWN = f"{PROTO}/client/reconciliation.py"
MACHINE = f"{PROTO}/client/machine.py"
PROVIDING = f"{PROTO}/client/providing.py"
STANDING = f"{PROTO}/client/standing.py"
UNCLAIMED = f"{PROTO}/client/unclaimed.py"
ANSWER = f"{PROTO}/client/session_answer.py"
FEED = f"{PROTO}/client/session_feed.py"
WATCH = f"{PROTO}/client/session_watch.py"
LIFE = f"{CLIENT}/lifecycle.py"
ENDPOINT = f"{CLIENT}/endpoint.py"
RUNNER = f"{CLIENT}/providing.py"
STREAMS = f"{CLIENT}/session_streams.py"
SDK = f"{CLIENT}/client.py"
DRIVER = "../tests/cli/conformance/driver.py"


@dataclass(frozen=True)
class Mutation(Change):
    """A mistake that somebody who reads the specification might make.

    Attributes:
        found_by: cases (of a client) or vectors (of a gateway), each of which must fail by itself.
        rule: the rule of ``spec/`` that its message must name, or that allows it.
        says: what the message must say of it, in these words.
        is_slow: it is found only by what takes long.
        is_allowed: it is no mistake at all, only unlike us: each of those must pass.
    """

    found_by: tuple[str, ...] = ()
    rule: str = ""
    says: str = ""
    is_slow: bool = False
    is_allowed: bool = False


class ChangedLoader(SourceFileLoader):
    """Loads a module with a change in it. No compiled file is read or written.

    Args:
        change: what to change.
        name: of the module.
    """

    def __init__(self, change: Change, name: str) -> None:
        super().__init__(name, str(change.path))
        self.change = change

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed text."""
        text = self.change.made_in(self.change.path.read_text("utf-8"))
        code: CodeType = self.source_to_code(text.encode(), self.path)
        return code


class Changing(MetaPathFinder):
    """Finds the module that is changed before anything else does.

    Args:
        change: what to change.
    """

    def __init__(self, change: Change) -> None:
        self.change = change
        self.name = module_of(change.file)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Say how to load the module; None: it is another one."""
        if fullname != self.name:
            return None
        file = self.change.path
        inner = [str(file.parent)] if file.name == "__init__.py" else None
        loader = ChangedLoader(self.change, fullname)
        return spec_from_file_location(
            fullname, file, loader=loader, submodule_search_locations=inner
        )


def make(change: Change) -> None:
    """Make the change in this process, in which its module must not be imported yet."""
    assert module_of(change.file) not in sys.modules, "too late: it is imported already"
    sys.meta_path.insert(0, Changing(change))


def run_script(file: Path, arguments: Sequence[str], change: Change) -> None:
    """Run a script as the main program, with the change: in what it imports, or in itself."""
    make(change)
    sys.argv = [str(file), *arguments]
    own = change.path.resolve() == file.resolve()
    loader = ChangedLoader(change, "__main__") if own else SourceFileLoader("__main__", str(file))
    main = sys.modules["__main__"]
    main.__dict__["__file__"] = str(file)
    code = loader.get_code("__main__")
    assert code is not None, "it is a source file"
    exec(code, main.__dict__)


def module_of(file: str) -> str:
    """Return the name of the module that is in a file below ``src``."""
    return ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")


def named(mutations: Sequence[Mutation], name: str) -> Mutation:
    """Return the mutation of that name.

    Raises:
        KeyError: there is none.
    """
    return {each.name: each for each in mutations}[name]


def with_words(mutations: Sequence[Mutation], words: Sequence[str]) -> Iterator[Mutation]:
    """Those with one of these words in their names; without any, all."""
    return (each for each in mutations if not words or any(word in each.name for word in words))
