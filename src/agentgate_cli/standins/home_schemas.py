"""What the stand-in's services take, in the words of Home Assistant, which are voluptuous's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentgate_cli.standins.home_assistant_socket import Refused
from agentgate_cli.standins.home_records import Records

NOT_IN_DATA: Final = frozenset({"target", "service_data", "data"})
"""Keys of other interfaces, which the schemas of services refuse here."""

ANY_DATA: Final = frozenset({"script", "scene"})
"""Domains whose services take any data."""

NOTIFICATION: Final = frozenset({"message", "title", "target", "data"})
"""What a service that notifies takes."""

TARGET_KEYS: Final = ("entity_id", "device_id", "area_id", "floor_id", "label_id")
TARGETS: Final = frozenset(TARGET_KEYS)


def what_is_wrong(domain: str, data: Mapping[str, Any]) -> str:
    """Say what a service does not take of its data, or ""."""
    if domain in ANY_DATA:
        return ""
    if domain == "notify":
        return what_is_wrong_with_notification(data)
    extra = sorted(NOT_IN_DATA & data.keys())
    return f"extra keys not allowed @ data['{extra[0]}']" if extra else ""


def what_is_wrong_with_notification(data: Mapping[str, Any]) -> str:
    """Say what is wrong with the data of ``notify.…``, or ""."""
    if extra := sorted(data.keys() - NOTIFICATION):
        return f"extra keys not allowed @ data['{extra[0]}']"
    if not isinstance(data.get("data", {}), dict):
        return "expected dict for dictionary value @ data['data']"
    return "" if "message" in data else "required key not provided @ data['message']"


def responded(records: Records, name: str, data: Mapping[str, Any], responds: bool) -> Any:
    """Return the response of a service that does nothing but respond.

    Args:
        records: what there is to answer.
        name: of the service.
        data: what it was given.
        responds: its response is wanted.

    Raises:
        Refused: it is not, or no entity fits.
    """
    if not responds:
        text = (
            "Validation error: The action requires responses and must be called with "
            "return_response=True"
        )
        raise Refused("service_validation_error", text)
    asked = data.get("entity_id", [])
    told = records.responses[name]
    found = {
        each: told[each] for each in (asked if isinstance(asked, list) else [asked]) if each in told
    }
    if not found:
        text = "Service call requested response data but did not match any entities"
        raise Refused("home_assistant_error", text)
    return found
