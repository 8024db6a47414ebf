"""A person who talks: reads lines, and knows a few commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.inspect import width_of_terminal
from agentgate_cli.remote import failure_of
from agentgate_cli.style import bad, bold, dim, say, styled
from agentgate_cli.text import printable
from agentgate_client import AgentGateConnectionError, AgentGateError, RunInProgress

if TYPE_CHECKING:
    from agentgate_cli.chat.talker import Talker

HELP = (
    ("/new [MODEL]", "a new session"),
    ("/model [NAME]", "talk to this model from now on; without a name: which there are"),
    ("/inspect [TEXT]", "what the model would be sent"),
    ("/usage", "what this session has taken"),
    ("/sessions", "your sessions"),
    ("/attach ID", "go on with another session; a run that is under way there is shown"),
    ("/quit", "leave; so does Ctrl-D"),
)
HELP_CHARS = 17

HISTORY_MAX = 1_000
"""Lines that can be called back. They are kept in memory only: a prompt may hold a secret."""

CONTINUED = "\\"
"""At the end of a line: the next one belongs to it."""


class Repl:
    """See the module.

    Args:
        talker: does what is said.
    """

    def __init__(self, talker: Talker) -> None:
        self.talker = talker
        self._asked_to_leave = False
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": self._help,
            "/new": self._new,
            "/model": self._model,
            "/inspect": self._inspect,
            "/usage": self._usage,
            "/sessions": self._sessions,
            "/attach": self._attach,
        }

    def run(self) -> int:
        """Talk until the person leaves; return the exit code."""
        with_history()
        self._greet()
        if self.talker.conversation.session.view.run:
            self._try(lambda: self.talker.do(self.talker.conversation.join))
        while True:
            output = self.talker.conversation.output
            output.pause()  # what comes now must not run into what is being typed
            try:
                line = self._line()
            except EOFError:
                say()
                return Exit.OK
            except KeyboardInterrupt:
                say()
                if self._asked_to_leave:
                    return Exit.INTERRUPTED
                self._asked_to_leave = True
                say(dim("Ctrl-C again, or /quit, leaves"))
                continue
            self.talker.portal.call(output.resume)
            self._asked_to_leave = False
            if line.strip() == "/quit":
                return Exit.OK
            if line.strip():
                self._try(lambda line=line: self._take(line))  # type: ignore[misc]

    def _greet(self) -> None:
        conversation = self.talker.conversation
        view = conversation.session.view
        say(bold(conversation.prompt_name))
        where = f"session {printable(view.id)}, {self.talker.place.words}"
        for text in (where, "/help says what there is besides talking; Ctrl-D leaves"):
            for line in wrap(text, width_of_terminal()):
                say(dim(line))

    def _line(self) -> str:
        lines = [input(prompt_of("> "))]
        while lines[-1].endswith(CONTINUED):
            lines[-1] = lines[-1][: -len(CONTINUED)]
            lines.append(input(prompt_of(". ")))
        return "\n".join(lines)

    def _take(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word in self._commands:
            self._commands[word](rest.strip())
        elif word.startswith("/") and "/" not in word[1:]:
            say(f"{bad('there is no')} {printable(word)}; /help says what there is")
        else:
            self.talker.do(lambda: self.talker.conversation.say(line))

    def _try(self, work: Callable[[], Any]) -> None:
        """Do something; an error ends that, and not the talk.

        Raises:
            AgentGateConnectionError: the connection is gone for good.
        """
        try:
            work()
        except RunInProgress as error:
            say(f"{bad('not sent')}: {printable(error.message)}")
            say(dim(f"/attach {self.talker.conversation.session.id} shows the run"))
        except AgentGateConnectionError:
            raise
        except AgentGateError as error:
            say(f"{bad('Error')}: {failure_of(error).message}")
        except Failure as error:
            say(f"{bad('Error')}: {printable(error.message)}")

    # Commands

    def _help(self, _: str) -> None:
        indent = " " * (HELP_CHARS + 3)
        for name, text in HELP:
            width = max(width_of_terminal() - len(indent), HELP_CHARS)
            first, *rest = wrap(text, width)
            say(f"  {name:<{HELP_CHARS}} {dim(first)}")
            for line in rest:
                say(indent + dim(line))
        say(dim("  A line that ends with \\ goes on in the next one."))

    def _new(self, model: str) -> None:
        name = model or self.talker.conversation.model
        client = self.talker.client
        session = self.talker.portal.call(client.sessions.create, name)
        self.talker.conversation = self.talker.talk_in(session)
        self._greet()

    def _model(self, name: str) -> None:
        from agentgate_cli.sessions import show_models

        rows = self.talker.portal.call(self.talker.client.sessions.models)
        if not name:
            show_models(rows)
        elif name not in {row.name for row in rows}:
            say(f"{bad('there is no model')} {printable(name)}; /model says which there are")
        else:
            self.talker.conversation.model = name
            say(f"{bold(printable(name))} {dim('answers from now on')}")

    def _inspect(self, text: str) -> None:
        from agentgate_cli.inspect import show

        conversation = self.talker.conversation
        show(self.talker.portal.call(conversation.session.inspect, text, conversation.model))

    def _usage(self, _: str) -> None:
        from agentgate_cli.usage import show

        show(self.talker.portal.call(self.talker.conversation.session.usage), "model")

    def _sessions(self, _: str) -> None:
        from agentgate_cli.sessions import show_list

        show_list(self.talker.portal.call(self.talker.client.sessions.list))

    def _attach(self, session: str) -> None:
        from agentgate_cli.finding import find_session

        if not session:
            say(f"{bad('which one?')} /sessions says which there are")
            return
        found = self.talker.portal.call(find_session, self.talker.client, session)
        self.talker.conversation = self.talker.talk_in(found)
        self._greet()
        if found.view.run:
            self.talker.do(self.talker.conversation.join)


def with_history() -> None:
    """Let lines be edited and called back, if the system can."""
    with suppress(ImportError):
        import readline

        readline.set_history_length(HISTORY_MAX)
        readline.set_auto_history(True)


def prompt_of(text: str) -> str:
    """Style the prompt; readline must be told what has no width, and nobody else understands it."""
    if not sys.stdout.isatty() or "readline" not in sys.modules:
        return text
    shown = styled(text, bold=True, fg="cyan")
    if shown == text:
        return text
    before, after = shown.split(text)
    return f"\001{before}\002{text}\001{after}\002"
