"""Events: what may be a secret is not in what is printed of them."""

from __future__ import annotations

from tests.proto.faces.socket_bench import ANN

from agentgate_proto.faces.socketio.events import ConnectAsked, Connected


def test_no_token_is_printed_with_an_event() -> None:
    auth = {"token": "hush", "Authorization": "Bearer hush"}
    asked = ConnectAsked(socket=1, namespace="/clients", auth=auth, connection=7)
    connected = Connected(socket=1, namespace="/clients", principal=ANN, auth=auth)
    for event in (asked, connected):
        assert "hush" not in repr(event) + str(event) + f"{event}"
        assert "/clients" in repr(event)
