"""The methods about how a gateway is, and which devices are connected to it."""

from __future__ import annotations

from typing import Literal

import msgspec


class ListDevices(msgspec.Struct, frozen=True, kw_only=True):
    """List the connections that provide tools or data, in the order in which they came."""


class DeviceRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A connection that provides tools: a device, a program.

    Attributes:
        name: the principal whose it is.
        client_id: which of its clients.
        face: by which wire format it is connected: "native", "edge".
        since: since when it provides, RFC 3339.
        address: where it comes from.
        tools: their names here.
        calls: how many calls wait for its answers.
    """

    name: str
    client_id: str
    face: str
    since: str
    address: str = ""
    tools: list[str] = []
    calls: int = 0


class DeviceList(msgspec.Struct, frozen=True, omit_defaults=True):
    """The devices.

    Attributes:
        devices: as many as one reply holds.
        more: there are others.
    """

    devices: list[DeviceRow]
    more: bool = False


class ReportHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Say how the gateway is, as ``/health`` does.

    To operators with the name of each part, the reason, and figures of what is kept.
    """


State = Literal["ok", "warning", "failing", "off"]


class HealthPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a part is.

    Attributes:
        name: what it is called; of several of a kind with its own name: ``model: fast``.
        state: "warning" if somebody should look at it, "failing" if it does not do its work.
        words: what is the matter, and what to do.
    """

    name: str
    state: State
    words: str = ""


class StoreHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept, how much of it there is, and how much may be.

    Attributes:
        database_bytes: of the database file and its journal.
        disk_free_bytes, disk_reserve_bytes: what is free on its disk, and what must stay so.
        requests, sessions, audit_entries: how many there are.
        audit_from_at: when the oldest entry of the audit was written, RFC 3339.
        keep_days, keep_undelivered_days: how long outcomes are kept, collected or not.
        keep_rows, keep_bytes: of finished requests, at most.
        keep_session_days, keep_usage_days: of conversations, and of what models took.
        audit_keep_days, audit_keep_entries, audit_keep_bytes: of the audit.
        forgotten, cut: outcomes, and entries of the audit, that a cap took before their time since
            the start.
    """

    database_bytes: int
    disk_free_bytes: int | None = None
    disk_reserve_bytes: int = 0
    requests: int = 0
    sessions: int = 0
    audit_entries: int = 0
    audit_from_at: str = ""
    keep_days: float = 0
    keep_undelivered_days: float = 0
    keep_rows: int = 0
    keep_bytes: int = 0
    keep_session_days: float = 0
    keep_usage_days: float = 0
    audit_keep_days: float = 0
    audit_keep_entries: int = 0
    audit_keep_bytes: int = 0
    forgotten: int = 0
    cut: int = 0


class CertificateHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate of the listener.

    Attributes:
        begins_at, ends_at: from when to when it counts, RFC 3339.
    """

    begins_at: str
    ends_at: str


class HealthReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the gateway is.

    Attributes:
        status: "failing": it takes nothing new; "closing": it shuts down.
        version: of the gateway.
        uptime_s: seconds since it was started.
        parts: how each is; those that need somebody first.
        warnings: what the start has warned of, for operators.
        figures: how much there is of what, by name; the unit is the end of it.
        store: what is kept, for operators.
        certificate: if there is one, for operators.
    """

    status: Literal["ok", "failing", "closing"]
    version: str
    uptime_s: float
    parts: list[HealthPart]
    warnings: list[str] = []
    figures: dict[str, int] = {}
    store: StoreHealth | None = None
    certificate: CertificateHealth | None = None
