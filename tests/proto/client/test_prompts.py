"""Prompts of a device: kept once, asked in order, answered once, whatever dies in between."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentgate_proto.client.prompts import (
    DROPPED,
    KNOWN_MAX,
    PROMPT_BYTES,
    Answer,
    Finished,
    PromptBook,
    Put,
    Record,
    Sent,
    WhenFull,
)
from agentgate_proto.client.spool import Head, encode_lines, read_lines
from agentgate_proto.errors import AgentGateError, ErrorCode

NOW = 1_764_440_000.0


def put(book: PromptBook, *names: str) -> list[Record]:
    """Put prompts whose texts are their names; return what was written."""
    written: list[Record] = []
    for name in names:
        records = book.put(name, name, NOW)
        for record in records:
            book.apply(record)
        written += records
    return written


def answer(name: str) -> Answer:
    return Answer(id=name, status="completed", text=f"answer to {name}")


def finish(book: PromptBook, name: str) -> None:
    book.apply(answer(name))
    book.apply(Finished(id=name))


def test_prompts_are_asked_in_the_order_in_which_they_came() -> None:
    book = PromptBook()
    assert put(book, "a", "b") == [Put(id="a", text="a", at=NOW), Put(id="b", text="b", at=NOW)]
    first = book.next()
    assert first is not None
    assert (first.id, first.session, book.waiting, len(book)) == ("a", "", 2, 2)
    book.apply(Sent(id="a", session="s"))
    assert first.session == "s"
    book.apply(answer("a"))
    assert book.answered() is first
    following = book.next()
    assert following is not None
    assert following.id == "b"
    book.apply(Finished(id="a"))
    assert book.answered() is None
    assert book.get("a") is None
    finish(book, "b")
    assert book.next() is None
    assert len(book) == 0


def test_an_account_of_all_has_what_was_asked_and_answered() -> None:
    book = PromptBook()
    put(book, "a", "b", "c")
    finish(book, "c")
    book.apply(Sent(id="a", session="s"))
    book.apply(answer("a"))
    assert book.records() == [
        Finished(id="c"),
        Put(id="a", text="a", at=NOW),
        Sent(id="a", session="s"),
        answer("a"),
        Put(id="b", text="b", at=NOW),
    ]


def test_nothing_more_is_asked_while_long_answers_wait_to_be_acted_on() -> None:
    book = PromptBook(bytes_max=1_000)
    put(book, "a", "b")
    book.apply(Answer(id="a", status="completed", text="x" * 1_000))
    assert book.next() is None
    assert book.waiting == 1
    book.apply(Finished(id="a"))
    following = book.next()
    assert following is not None
    assert following.id == "b"


def test_a_prompt_that_is_put_again_is_the_same() -> None:
    book = PromptBook()
    assert put(book, "a", "a") == [Put(id="a", text="a", at=NOW)]
    with pytest.raises(AgentGateError, match="a prompt a with another text"):
        book.put("a", "b", NOW)
    finish(book, "a")
    assert put(book, "a") == []
    assert len(book) == 0


def test_the_first_answer_counts() -> None:
    book = PromptBook()
    put(book, "a")
    book.apply(answer("a"))
    book.apply(Answer(id="a", status="failed"))
    prompt = book.get("a")
    assert prompt is not None
    assert prompt.answer == answer("a")


@pytest.mark.parametrize(
    ("name", "text"),
    [("", "x"), ("x", ""), ("x" * 250, "x"), ("x", "\ud800"), ("x", "\0" * 200_000)],
)
def test_what_can_not_be_asked_is_refused(name: str, text: str) -> None:
    book = PromptBook()
    with pytest.raises(AgentGateError, match="not a prompt: ") as caught:
        book.put(name, text, NOW)
    assert caught.value.code == ErrorCode.INVALID_PARAMS


def test_a_full_book_refuses_the_newest() -> None:
    for book in (PromptBook(count_max=2), PromptBook(bytes_max=2 * PROMPT_BYTES + 2)):
        put(book, "a", "b")
        with pytest.raises(AgentGateError, match="2 prompts wait already") as caught:
            book.put("c", "c", NOW)
        assert caught.value.code == ErrorCode.LIMIT_EXCEEDED
        finish(book, "a")
        put(book, "c")


def test_a_full_book_drops_the_oldest_that_was_not_sent() -> None:
    book = PromptBook(WhenFull.DROP_OLDEST, count_max=3)
    put(book, "a", "b", "c")
    book.apply(Sent(id="a", session="s"))
    dropped, finished, added = put(book, "d")
    assert isinstance(dropped, Answer)
    assert (dropped.id, dropped.status) == ("b", DROPPED)
    assert dropped.error
    assert finished == Finished(id="b")
    assert isinstance(added, Put)
    assert [prompt.id for prompt in book._prompts.values()] == ["a", "c", "d"]
    assert put(book, "b") == [], "it is known, and was answered by that"


def test_what_was_sent_or_answered_is_never_dropped() -> None:
    book = PromptBook(WhenFull.DROP_OLDEST, count_max=2)
    put(book, "a", "b")
    book.apply(Sent(id="a", session="s"))
    book.apply(answer("b"))
    with pytest.raises(AgentGateError):
        book.put("c", "c", NOW)
    large = PromptBook(WhenFull.DROP_OLDEST, bytes_max=1_000)
    put(large, "a", "b")
    with pytest.raises(AgentGateError):
        large.put("c", "c" * 1_000, NOW)
    assert len(large) == 2, "for one that never fits nothing is dropped"


def test_a_session_that_never_had_a_prompt_is_forgotten() -> None:
    book = PromptBook()
    put(book, "a")
    book.apply(Sent(id="a", session="s"))
    book.apply(Sent(id="a", session=""))
    prompt = book.get("a")
    assert prompt is not None
    assert prompt.session == ""


def test_what_concerns_no_prompt_is_ignored_and_ids_are_remembered_for_a_while() -> None:
    book = PromptBook()
    book.apply(Sent(id="x", session="s"))
    book.apply(answer("x"))
    assert len(book) == 0
    for number in range(KNOWN_MAX + 1):
        book.apply(Finished(id=str(number)))
    assert put(book, "1") == []
    assert put(book, "0") != []
    book.apply(Put(id="0", text="other", at=NOW))
    book.apply(Put(id="1", text="known", at=NOW))
    assert len(book) == 1


def test_answers_of_a_process_that_died_come_again_and_say_so() -> None:
    book = PromptBook()
    records = put(book, "a", "b")
    other = PromptBook()
    other.restore([*records, answer("a")])
    prompt, waiting = other.get("a"), other.get("b")
    assert prompt is not None
    assert waiting is not None
    assert prompt.again
    assert not waiting.again


class Lives(RuleBasedStateMachine):
    """A device whose process dies at any byte of what it writes, beside plain dictionaries.

    What was written wholly counts, in the next life too; the rest never was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.book = PromptBook(count_max=6)
        self.file = encode_lines([Head(client_id="d")])
        self.put: dict[str, str] = {}
        self.answers: dict[str, Answer] = {}
        self.done: dict[str, None] = {}

    def write(self, records: list[Record], cut: int | None) -> bool:
        """Write, and apply, unless the process dies first: then another takes up what there is."""
        data = encode_lines(records)
        if cut is None or cut >= len(data):
            self.file += data
            for record in records:
                self.book.apply(record)
            return True
        self.file += data[:cut]
        self.reborn()
        return False

    def reborn(self) -> None:
        found = read_lines(self.file)
        assert found.damaged == 0
        assert found.head == Head(client_id="d")
        self.file = self.file[: found.end]
        self.book = PromptBook(count_max=6)
        self.book.restore(found.records)

    cuts = st.none() | st.integers(0, 60)

    @rule(number=st.integers(0, 40), cut=cuts)
    def ask(self, number: int, cut: int | None) -> None:
        name = str(number)
        try:
            records = self.book.put(name, f"text {name}", NOW)
        except AgentGateError:
            assert len(self.put) - len(self.done) == 6
            return
        assert bool(records) == (name not in self.put)
        if self.write(records, cut):
            self.put[name] = f"text {name}"

    @rule(cut=cuts)
    def send(self, cut: int | None) -> None:
        prompt = self.book.next()
        if prompt is not None:
            self.write([Sent(id=prompt.id, session="s")], cut)

    @rule(cut=cuts)
    def reply(self, cut: int | None) -> None:
        prompt = self.book.next()
        if prompt is not None:
            assert prompt.id not in self.answers
            if self.write([answer(prompt.id)], cut):
                self.answers[prompt.id] = answer(prompt.id)

    @rule(cut=cuts)
    def act(self, cut: int | None) -> None:
        prompt = self.book.answered()
        if prompt is not None:
            assert prompt.id not in self.done
            if self.write([Finished(id=prompt.id)], cut):
                self.done[prompt.id] = None

    @rule()
    def compact(self) -> None:
        self.file = encode_lines([Head(client_id="d"), *self.book.records()])
        self.reborn()

    @invariant()
    def nothing_is_lost_and_nothing_twice(self) -> None:
        kept = {name: text for name, text in self.put.items() if name not in self.done}
        assert {one.id: one.text for one in self.book._prompts.values()} == kept
        assert list(self.book._prompts) == list(kept)
        answers = {one.id: one.answer for one in self.book._prompts.values() if one.answer}
        assert answers == {n: a for n, a in self.answers.items() if n not in self.done}
        assert self.book._bytes == sum(one.size for one in self.book._prompts.values())


TestLives = Lives.TestCase
