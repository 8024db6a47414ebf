"""The journal: each write has a number, and comes back once, in order, when it is reported."""

from tests.proto.ledger_records import record

from agentgate_proto.ledger.effects import Write
from agentgate_proto.ledger.journal import After, Entry, Journal
from agentgate_proto.records.storage import MarkDelivered, Put


def test_writes_are_numbered_upwards() -> None:
    journal = Journal()
    first, second = Put(record("a")), MarkDelivered(("b",))
    assert journal.write(first, After.ASK) == Write(1, first)
    assert journal.write(second) == Write(2, second)
    assert len(journal) == 2


def test_a_report_takes_off_what_it_covers_in_order() -> None:
    journal = Journal()
    a, b, c = record("a"), record("b"), record("c")
    journal.write(Put(a), After.ASK)
    journal.write(Put(b), After.RUN)
    journal.write(Put(c), After.ANSWER)
    assert journal.reported(2) == [Entry(1, a, After.ASK), Entry(2, b, After.RUN)]
    assert journal.reported(2) == []
    assert journal.reported(9) == [Entry(3, c, After.ANSWER)]
    assert len(journal) == 0


def test_numbers_are_never_used_again() -> None:
    journal = Journal()
    journal.write(Put(record("a")))
    journal.reported(1, "disk full")
    assert journal.write(Put(record("a"))).number == 2


def test_a_receipt_belongs_to_no_request() -> None:
    journal = Journal()
    journal.write(MarkDelivered(("a",)))
    journal.write(Put(record("a")), After.ANSWER)
    receipt, put = journal.reported(2)
    assert (receipt.rid, receipt.record, receipt.after) == ("", None, After.NOTHING)
    assert put.rid == "a"


def test_the_problem_is_that_of_the_last_report() -> None:
    journal = Journal()
    assert journal.problem == ""
    journal.reported(0, "disk full")
    assert journal.problem == "disk full"
    journal.reported(0)
    assert journal.problem == ""
