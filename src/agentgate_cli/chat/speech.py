"""What a model is saying: how much of it is shown for good, and how much may still change.

Theory of operation. Text grows at its end. What is *settled* was printed and can't be taken back;
the rest is drawn again at each look. A part is settled when the model has finished it, or when the
rest would not fit on the screen: then as far as the last whole block, or, within a block that is
too large, as far as it must be. If an attempt fails its text is withdrawn: what is not settled just
goes, and of what is the reader has to be told.
"""

from __future__ import annotations

from typing import NamedTuple

from agentgate_cli.chat.blocks import NO_FENCE, Cut, clean_cut, forced_cut
from agentgate_cli.text import readable


class Settled(NamedTuple):
    """A part that is to be printed for good.

    Attributes:
        markup: Markdown, readable.
        is_clean: it ends with a whole block.
    """

    markup: str
    is_clean: bool


class Speech:
    """See the module."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._rest = ""
        self._fence = NO_FENCE
        self._settled_chars = 0

    @property
    def is_empty(self) -> bool:
        """Nothing is left to be settled."""
        return not self._gathered().strip()

    @property
    def was_settled(self) -> bool:
        """Something was printed for good since the beginning."""
        return self._settled_chars > 0

    @property
    def open_markup(self) -> str:
        """What is not settled, as Markdown."""
        return self._opening() + readable(self._gathered())

    def say(self, text: str) -> None:
        """The model says more."""
        self._said.append(text)

    def overlong(self) -> list[Settled]:
        """Settle what is too long to be drawn again and again."""
        parts = []
        while (cut := forced_cut(self._gathered(), self._fence)) is not None:
            parts.append(self._settle(cut))
        return parts

    def whole_blocks(self) -> Settled | None:
        """Settle all blocks but the last one; None if there is only one."""
        cut = clean_cut(self._gathered(), self._fence)
        return None if cut is None else self._settle(cut)

    def settle(self) -> list[Settled]:
        """Settle what there is, although more may come."""
        parts = self.overlong()
        if not self.is_empty:
            parts.append(self._settle(Cut(len(self._gathered()))))
        return parts

    def finish(self, whole: str | None = None) -> list[Settled]:
        """Settle the rest; the next text is another one.

        Args:
            whole: all that was said, if that is known better.
        """
        if whole is not None:
            rest = self._gathered()
            known = whole[self._settled_chars :]
            if not self._settled_chars or known.startswith(rest):
                self._rest = known
        parts = self.settle()
        self.withdraw()
        return parts

    def withdraw(self) -> None:
        """What was said is void; the next text is another one."""
        self._said, self._rest, self._fence, self._settled_chars = [], "", NO_FENCE, 0

    def _gathered(self) -> str:
        if self._said:
            self._rest += "".join(self._said)
            self._said = []
        return self._rest

    def _opening(self) -> str:
        return f"{readable(self._fence.line)}\n" if self._fence.line else ""

    def _settle(self, cut: Cut) -> Settled:
        text = self._gathered()
        markup = self._opening() + readable(text[: cut.at])
        if cut.fence.line:
            markup = f"{markup.rstrip()}\n{cut.fence.closing}"
        self._rest = text[cut.at :].lstrip("\n") if cut.is_clean else text[cut.at :]
        self._settled_chars += len(text) - len(self._rest)
        self._fence = cut.fence
        return Settled(markup, cut.is_clean)
