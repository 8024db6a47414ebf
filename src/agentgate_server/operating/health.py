"""Health: how a gateway is, for people who answer approvals and for those who run it."""

from __future__ import annotations

from collections.abc import Iterator

import anyio.to_thread
from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.health_methods import (
    CertificateHealth,
    HealthPart,
    HealthReport,
    StoreHealth,
)
from agentgate_server.observing.gauges import Gauges
from agentgate_server.operating.health_parts import TOLD_BY_NAME, named_parts, public_parts
from agentgate_server.operating.site import Site
from agentgate_server.sockets.replies import Reply
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sizes import Sizes, sizes_of
from agentgate_server.version import VERSION

FIRST = {"failing": 0, "warning": 1, "ok": 2, "off": 3}
"""Which parts come first."""

WARNINGS_MAX = 200
"""Of a start: one message holds them."""

UNREACHED = "approvals have waited for a while, and nobody was reached: see the channels"


class HealthDesk:
    """See the module.

    Args:
        site: what it looks at.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    async def report(self, who: Principal, reply: Reply) -> None:
        """Report; the store is counted in a thread."""
        try:
            is_operator = who.role is Role.OPERATOR
            path = self._site.engine.path
            sizes = await anyio.to_thread.run_sync(sizes_of, path) if is_operator else None
        except StoreError as error:
            reply.error(ErrorCode.INTERNAL_ERROR, str(error), None)
        else:
            reply.result(self._report(sizes))

    def _report(self, sizes: Sizes | None) -> HealthReport:
        """Say all of it, if there are sizes; else what everybody may know."""
        site, web = self._site, self._site.gate.web
        gauges = site.gauges()
        parts = list(self._parts(is_whole=sizes is not None))
        told = HealthReport(
            status=web.status,
            version=VERSION,
            uptime_s=web.uptime_s,
            parts=sorted(map(self._masked, parts), key=lambda part: FIRST[part.state]),
            figures=figures(gauges),
        )
        if sizes is None:
            return told
        more = {"connections_max": site.connections_max, "unread_bytes": gauges.unread}
        return replace(
            told,
            figures={**told.figures, **more},
            warnings=[site.masker.text(text) for text in site.warnings[:WARNINGS_MAX]],
            store=self._store(sizes, gauges),
            certificate=self._certificate(),
        )

    def _parts(self, *, is_whole: bool) -> Iterator[HealthPart]:
        gate = self._site.gate
        problem = gate.web.problem
        yield HealthPart(name="store", state="failing" if problem else "ok", words=problem)
        if overdue := gate.desk.reach.overdue:
            yield HealthPart(name="approvals", state="warning", words=f"{overdue} {UNREACHED}")
        told = {name: report() for name, report in gate.web.parts.items()}
        if not is_whole:
            yield from public_parts(told)
            return
        channels = {channel.name for channel in self._site.channels}
        hidden = TOLD_BY_NAME | channels
        yield from public_parts({name: each for name, each in told.items() if name not in hidden})
        yield from named_parts(self._site)

    def _masked(self, part: HealthPart) -> HealthPart:
        return replace(part, words=self._site.masker.text(part.words)) if part.words else part

    def _store(self, sizes: Sizes, gauges: Gauges) -> StoreHealth:
        config = self._site.gate.reloader.started_with
        storage, audit, sessions = config.storage, config.audit, config.sessions
        return StoreHealth(
            database_bytes=sizes.database_bytes,
            disk_free_bytes=gauges.disk_free,
            disk_reserve_bytes=self._site.disk.floor.reserve,
            requests=sizes.requests,
            sessions=sizes.sessions,
            audit_entries=sizes.audit_entries,
            audit_from_at=rfc3339(sizes.audit_from) if sizes.audit_from else "",
            keep_days=storage.keep_days,
            keep_undelivered_days=storage.keep_undelivered_days,
            keep_rows=storage.keep_rows_max,
            keep_bytes=storage.keep_bytes_max,
            keep_session_days=sessions.keep_days,
            keep_usage_days=sessions.keep_usage_days,
            audit_keep_days=audit.keep_days,
            audit_keep_entries=audit.keep_entries_max,
            audit_keep_bytes=audit.keep_bytes_max,
            forgotten=gauges.forgotten,
            cut=gauges.cut,
        )

    def _certificate(self) -> CertificateHealth | None:
        certificate = self._site.renewal.certificate
        if certificate is None or certificate.validity is None:
            return None
        begins, ends = certificate.validity
        return CertificateHealth(begins_at=rfc3339(begins), ends_at=rfc3339(ends))


def figures(gauges: Gauges) -> dict[str, int]:
    """How much there is of what, without names."""
    return {
        "connections": sum(gauges.connections.values()),
        "waiting_approvals": gauges.waiting,
        "requests_under_way": gauges.active,
        "running_tools": gauges.running,
        "running_conversations": gauges.runs,
        "grants_in_force": gauges.grants,
        "devices": gauges.providers,
        "provided_tools": gauges.provided,
        "writes_queued": gauges.queued,
    }
