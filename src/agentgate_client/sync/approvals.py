"""The SDK of a person, without ``await``."""

from __future__ import annotations

from typing import Unpack

from agentgate_client import approvals as with_await
from agentgate_client.options import ConnectionOptions
from agentgate_client.sync.base import Followed, SyncClient, blocking
from agentgate_proto.records.approval import ApprovalView


class ApprovalWatch(Followed[with_await.ApprovalWatch, ApprovalView]):
    """An iterator of approvals: first those that wait, then each that changed; see the one with
    ``await``."""


class ApprovalsClient(SyncClient[with_await.ApprovalsClient]):
    """An approver's connection to a gateway, for a token with the role approver or operator.

    Names, arguments, results and errors are those of
    :class:`agentgate_client.approvals.ApprovalsClient`; for the rest see
    :class:`agentgate_client.sync.client.AgentGateClient`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        max_retries: int | None = None,
        **options: Unpack[ConnectionOptions],
    ) -> None:
        super().__init__(with_await.ApprovalsClient(url, token, max_retries, **options))

    def watch(self) -> ApprovalWatch:
        """Follow the approvals: first those that wait now, then each change."""
        return ApprovalWatch(self, self.make(self.inner.watch))

    reload = blocking(with_await.ApprovalsClient.reload)
    explain = blocking(with_await.ApprovalsClient.explain)
    upstreams = blocking(with_await.ApprovalsClient.upstreams)
    list = blocking(with_await.ApprovalsClient.list)
    get = blocking(with_await.ApprovalsClient.get)
    decide = blocking(with_await.ApprovalsClient.decide)
    grants = blocking(with_await.ApprovalsClient.grants)
    preview_grant = blocking(with_await.ApprovalsClient.preview_grant)
    preview_edit = blocking(with_await.ApprovalsClient.preview_edit)
    revoke_grant = blocking(with_await.ApprovalsClient.revoke_grant)
    mute = blocking(with_await.ApprovalsClient.mute)
    mutes = blocking(with_await.ApprovalsClient.mutes)
