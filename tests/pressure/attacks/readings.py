"""Deceits: what a policy denies, asked for in words that it might not know again."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from tests.pressure.attacks.deceit import Deceit
from tests.pressure.gateway import GUESTS

from agentgate_proto.errors import ErrorCode

UUID = "12345678-1234-1234-1234-1234567890ab"
AT = "2026-12-26T12:00:00+00:00"


class LeftOutDefault(Deceit):
    """What a deny rule names is the default, and left out, at whatever depth."""

    def got(self) -> Iterator[str]:
        dev = {"where": "dev"}
        yield from self.served("deploy", {"opts": dev})
        yield from self.served("roll", {"steps": [dev, dev], "spare": dev})
        yield from self.refused("deploy", {"opts": {"where": "prod"}}, {"opts": {}})
        yield from self.refused(
            "roll",
            {"steps": [dev, {"where": "prod"}], "spare": dev},
            {"steps": [dev, {}], "spare": dev},
            {"steps": [], "spare": {}},
            {"steps": []},
        )


class OtherSpelling(Deceit):
    """A value that a deny rule names, written otherwise."""

    def got(self) -> Iterator[str]:
        yield from self.served("byid", {"thing": UUID.replace("a", "c")})
        spelled = (UUID, UUID.replace("-", ""), UUID.upper())
        yield from self.refused("byid", *({"thing": each} for each in spelled))
        none = (f"{{{UUID}}}", f"urn:uuid:{UUID}")
        yield from self.refused(
            "byid", *({"thing": each} for each in none), code=ErrorCode.INVALID_PARAMS
        )
        harmless, harmful = (b64encode(each).decode() for each in (b"ls /tmp", b"rm -rf /"))
        yield from self.served(
            "plan",
            {"at": AT},
            {"at": "2026-12-25T07:00:00+05:00", "stage": "dev"},
            {"at": AT, "script": harmless, "row": ["dev", 3]},
        )
        yield from self.refused(
            "plan",
            {"at": "2026-12-24T12:00:00+00:00"},
            {"at": "2026-12-25T01:00:00+05:00"},
            {"at": "2026-12-24 12:00:00Z"},
            {"at": AT, "stage": "prod"},
            {"at": AT, "stage": "production"},
            {"at": AT, "script": harmful},
            {"at": AT, "row": ["prod", 3]},
            {"at": AT, "row": ["prod"]},
        )


class OtherText(Deceit):
    """A text that a deny rule names, written as only the tool reads it."""

    def got(self) -> Iterator[str]:
        harmless = ("dev prod", "/srv/etc/x", "http://192.0.2.7/latest", "2852039167")
        yield from self.served("fetch", *({"place": each} for each in harmless))
        harmful = (
            *("kube-system", "dev kube-system", "[dev kube-system]"),
            *("/etc/passwd", "../../etc/passwd", "file:///etc/passwd"),
            *("/proc/self/root/etc/passwd", "~/../../etc/passwd"),
            *("http://169.254.169.254/latest", "http://2852039166/latest", "0xa9fea9fe"),
            *("169.254.43518", "[::ffff:a9fe:a9fe]"),
        )
        yield from self.refused("fetch", *({"place": each} for each in harmful))


class BelowTheEntities(Deceit):
    """Services that act on what no rule names, asked for by who may do all but unlock doors."""

    def got(self) -> Iterator[str]:
        yield from self.refused(
            "ha_call_service",
            {"domain": "lock", "service": "unlock", "entity_id": "lock.front"},
            {"domain": "homematic", "service": "set_device_value", "address": "KEQ0"},
            {"domain": "nuki", "service": "lock_n_go"},
            {"domain": "zwave", "service": "refresh_node", "node_id": 4},
            {"domain": "mqtt", "service": "publish", "entity_id": "light.hall"},
            token=GUESTS[0],
        )
        # What restarts Home Assistant, or tells a person, unlocks nothing: the policy lets it
        # through to a house that is not there.
        yield from self.refused(
            "ha_call_service",
            {"domain": "homeassistant", "service": "restart"},
            {"domain": "notify", "service": "alexa_media", "message": "unlock"},
            code=ErrorCode.TOOL_FAILED,
            token=GUESTS[0],
        )
