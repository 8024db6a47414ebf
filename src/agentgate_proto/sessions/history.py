"""The history of a session: what of its log a model is shown, in groups that stay together.

A group is a message and all that it led to: answers, tool calls and what became of these. It begins
with the run: a message may wait in the log while what is said there is still another's. Models
refuse a call without its result for good, so nothing cuts a group, and every end of a run closes
what is open. What a tool came to after its call was closed is told with the next message.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)
from agentgate_proto.records.outcome import Status, people_say
from agentgate_proto.records.session import EventKind, LogRow

LOOK_FIRST = "it may have taken effect: do not repeat it without looking first"
"""What a model is told of a call that nobody knows the end of."""

NOT_RUN = "not_run"
"""How a call ended that was never asked for."""

TURN_BYTES = 200
"""What a turn takes in memory besides its texts, about."""


class Group:
    """A message and what it led to.

    Attributes:
        first: offset of the message.
        at: when it came, UTC seconds.
        turns: what is shown of it.
        size: bytes of its texts: no request that shows it is smaller.
        memory: bytes that it takes, about.
    """

    __slots__ = ("at", "first", "memory", "size", "turns")

    def __init__(self, first: int, at: float, text: str) -> None:
        self.first = first
        self.at = at
        self.turns: list[Turn] = [UserTurn(text)]
        self.size = bytes_of(text)
        self.memory = TURN_BYTES + self.size


class Said(msgspec.Struct, frozen=True):
    """A message whose run has not begun.

    Attributes:
        first: its offset.
        at: when it came, UTC seconds.
        text: what it says.
    """

    first: int
    at: float
    text: str


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that has no result yet.

    Attributes:
        call: its id.
        tool: the name of the tool, as the model was told it.
        args: JSON, an object.
    """

    call: str
    tool: str
    args: msgspec.Raw


class History:
    """See the module. It is fed with the rows of the log, in order, from wherever they come.

    Args:
        bytes_max: of it in memory; beyond it the oldest groups go.
        result_chars_max: of a tool's result, what the model is shown.

    Attributes:
        groups: oldest first.
        messages: which run a message began, by ``message_id``: (run, offset).
        call_ids: ids of all tool calls, with their offsets.
        open: calls without a result, by their ids.
        unsettled: tools of calls that were closed as unknown, by the calls' ids: what they came to
            may be heard of later.
        dropped: how many groups went.
        dropped_bytes: their ``size``.
        oldest: the log has nothing from before this offset.
    """

    def __init__(self, bytes_max: int, result_chars_max: int) -> None:
        self.groups: list[Group] = []
        self.messages: dict[str, tuple[str, int]] = {}
        self.call_ids: dict[str, int] = {}
        self.open: dict[str, OpenCall] = {}
        self.unsettled: dict[str, str] = {}
        self.dropped = 0
        self.dropped_bytes = 0
        self.oldest = 0
        self._bytes_max = bytes_max
        self._result_chars_max = result_chars_max
        self._memory = 0
        self._late: list[str] = []
        self._said: dict[str, Said] = {}
        self._returns: dict[str, ToolReturn] = {}

    def feed(self, row: LogRow) -> None:
        """Take the next row; of a kind that a model is not shown it changes nothing."""
        match row.kind:
            case EventKind.MESSAGE:
                said = msgspec.json.decode(row.data, type=SaidData)
                self._said[said.run] = Said(row.first, row.at, said.text)
                self.messages[said.message_id] = said.run, row.first
            case EventKind.RUN_STARTED:
                self._begin(msgspec.json.decode(row.data, type=OfRun).run)
            case EventKind.HISTORY:
                self._retell(row, msgspec.json.decode(row.data, type=Retold))
            case EventKind.RUN_ENDED:
                self._said.pop(msgspec.json.decode(row.data, type=OfRun).run, None)
            case EventKind.REPLY:
                data = msgspec.json.decode(row.data)
                if data["text"] or row.blocks:  # models refuse an answer of nothing
                    turn = AssistantTurn(
                        text=data["text"], backend=data["backend"], blocks=row.blocks
                    )
                    self._put(turn, bytes_of(data["text"]), len(row.blocks))
            case EventKind.TOOL_CALL:
                self._call(row.first, msgspec.json.decode(row.data, type=CallData))
            case EventKind.TOOL_RESULT:
                self._return(msgspec.json.decode(row.data, type=ResultData))
            case _:
                pass

    @property
    def memory(self) -> int:
        """Bytes that the groups take, about."""
        return self._memory

    @property
    def size(self) -> int:
        """Bytes of all texts: no request that shows it whole is smaller."""
        return sum(group.size for group in self.groups)

    def forget(self, oldest: int) -> None:
        """The log has nothing any more from before an offset; the newest group stays all the
        same."""
        self.oldest = oldest
        while len(self.groups) > 1 and self.groups[0].first < oldest:
            self._drop()
        self.messages = {name: found for name, found in self.messages.items() if found[1] >= oldest}
        self.call_ids = {call: at for call, at in self.call_ids.items() if at >= oldest}

    def say(self, run: str, first: int, at: float, text: str) -> None:
        """Take a message once more whose run begins now: the log may have forgotten it."""
        self._said[run] = Said(first, at, text)

    def worded(self, text: str) -> str:
        """Return the next message as the model will see it: with what is told along with it."""
        return "\n\n".join((*self._late, text))

    def _begin(self, run: str) -> None:
        said = self._said.pop(run, None)
        if said is None:
            return  # its message went with the oldest of the log
        if not said.text and self.groups:
            return  # it brought what the newest group waits for
        group = Group(said.first, said.at, self.worded(said.text))
        self._late.clear()
        self.groups.append(group)
        self._memory += group.memory
        self._shrink()

    def _retell(self, row: LogRow, data: Retold) -> None:
        """A client tells the end of the conversation otherwise."""
        if data.drop:
            self.open.clear()  # calls without a result are the newest group's
            self._returns.clear()
        for _ in range(min(data.drop, len(self.groups))):
            self._memory -= self.groups.pop().memory
        for turn in data.turns:
            if isinstance(turn, UserTurn):
                group = Group(row.first, row.at, turn.text)
                self.groups.append(group)
                self._memory += group.memory
            elif isinstance(turn, AssistantTurn):
                for use in turn.calls:
                    self.call_ids.setdefault(use.id, row.first)
                args = sum(len(bytes(use.args)) for use in turn.calls)
                self._put(turn, bytes_of(turn.text) + args)
            else:
                self._put(turn, sum(bytes_of(back.text) for back in turn.returns))
        self._shrink()

    def _call(self, offset: int, data: CallData) -> None:
        self.call_ids[data.call] = offset
        self.open[data.call] = OpenCall(call=data.call, tool=data.tool, args=data.args)
        if not self.groups:
            return  # its message went with the oldest of the log
        turns = self.groups[-1].turns
        if not isinstance(turns[-1], AssistantTurn):
            turns.append(AssistantTurn(text=""))
        use = ToolUse(id=data.call, name=data.tool, args=data.args)
        answer = turns[-1]
        assert isinstance(answer, AssistantTurn), "it was put there"
        turns[-1] = msgspec.structs.replace(answer, calls=(*answer.calls, use))
        self._grow(len(bytes(data.args)))

    def _return(self, data: ResultData) -> None:
        if data.late:
            self.unsettled.pop(data.call, None)
            text = data.shown(self._result_chars_max)
            self._late.append(f"[{data.tool}, call {data.call}, has ended meanwhile: {text}]")
            return
        if self.open.pop(data.call, None) is None:
            return  # its call went with the oldest of the log
        if data.still_running:
            self.unsettled[data.call] = data.tool
        self._returns[data.call] = ToolReturn(
            id=data.call,
            text=data.shown(self._result_chars_max),
            is_error=data.status != "executed",
        )
        turns = self.groups[-1].turns if self.groups else []
        last = turns[-1] if turns else None
        if isinstance(last, AssistantTurn) and all(a.id in self._returns for a in last.calls):
            returns = tuple(self._returns.pop(use.id) for use in last.calls)
            self._put(ToolTurn(returns), sum(bytes_of(a.text) for a in returns))

    def _put(self, turn: Turn, size: int, blocks: int = 0) -> None:
        if self.groups:
            self.groups[-1].turns.append(turn)
            self._grow(size, blocks)

    def _grow(self, size: int, blocks: int = 0) -> None:
        """The newest group has grown."""
        group = self.groups[-1]
        group.size += size
        group.memory += TURN_BYTES + size + blocks
        self._memory += TURN_BYTES + size + blocks
        self._shrink()

    def _shrink(self) -> None:
        """The oldest go if there is too much."""
        while self._memory > self._bytes_max and len(self.groups) > 1:
            self._drop()

    def _drop(self) -> None:
        group = self.groups.pop(0)
        self._memory -= group.memory
        self.dropped += 1
        self.dropped_bytes += group.size


def bytes_of(text: str) -> int:
    """How many bytes a text is in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, chars_max: int) -> str:
    """Return a text, or its beginning and how much is missing."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}\n[{len(text) - chars_max} further characters are not shown]"


class OfRun(msgspec.Struct, frozen=True):
    """Of the data of any event of a run: whose it is."""

    run: str


class SaidData(msgspec.Struct, frozen=True):
    """The data of a ``message``, as far as it is for the model."""

    run: str
    message_id: str
    text: str


class Retold(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a ``history``.

    Attributes:
        run: whose message came with it.
        drop: how many of the newest groups count no more.
        turns: what takes their place; the first is a user's.
    """

    run: str
    drop: int
    turns: list[Turn]


class CallData(msgspec.Struct, frozen=True):
    """The data of a ``tool_call``."""

    run: str
    call: str
    tool: str
    args: msgspec.Raw


class ResultData(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of a ``tool_result``.

    Attributes:
        run, call, tool: of which call.
        status: how it ended, as an outcome's; or ``NOT_RUN``.
        result: what the tool returned, if it was executed.
        error: why there is no result.
        late: the call was closed before.
        still_running: it is closed, but its tool is not.
        word: what people said to the agent when they were asked.
        edited: the arguments that it ran with, if a person had changed them.
    """

    run: str
    call: str
    tool: str
    status: str
    result: msgspec.Raw = msgspec.Raw(b"")
    error: str = ""
    late: bool = False
    still_running: bool = False
    word: str = ""
    edited: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET

    def shown(self, chars_max: int) -> str:
        """What the model is shown: so much of how it ended, and what people have made of it."""
        edited = self.edited
        ran = None if edited is msgspec.UNSET else cut(bytes(edited).decode(), chars_max)
        text, said = cut(self.text, chars_max), people_say(self.word, ran, self.error)
        return f"{text}\n\n{said}" if said else text

    @property
    def text(self) -> str:
        """How it ended."""
        if self.status == Status.UNKNOWN:
            return f"{self.error}; {LOOK_FIRST}"
        if self.error or not bytes(self.result):
            return self.error or "(nothing)"
        value = msgspec.json.decode(self.result)
        return value if isinstance(value, str) else bytes(self.result).decode()
