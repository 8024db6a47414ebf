"""Which statuses leave open whether a write was done."""

from agentgate_proto.wire.statuses import LOST, NOT_REACHED


def test_every_status_of_a_proxy_says_one_thing_and_what_the_server_says_itself_none() -> None:
    assert not set(LOST) & set(NOT_REACHED)
    assert {502, 504, *range(520, 528), 530} - {*LOST, *NOT_REACHED} == set()
    assert not {500, 501, 505, 507} & {*LOST, *NOT_REACHED}
