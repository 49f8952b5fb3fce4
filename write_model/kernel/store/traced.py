"""The log where spans are wanted: one for each command's way into it, by either way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from write_model.kernel.errors import DomainError
from write_model.kernel.settings import Settings
from write_model.kernel.store.exclusive import ExclusiveLog
from write_model.kernel.store.group_commit import GroupCommit
from write_model.kernel.store.recorded_event import Append, Verdict

if TYPE_CHECKING:
    from write_model.kernel.tracing import Tracing


def logs(
    conninfo: str, settings: Settings, tracing: Tracing | None
) -> tuple[GroupCommit, ExclusiveLog]:
    """The log and its lock; nothing stands in their way without `tracing`."""
    if tracing is None:
        log = GroupCommit(conninfo, settings)
        return log, ExclusiveLog(log, settings)
    log = TracedCommit(conninfo, settings, tracing)
    return log, _TracedExclusiveLog(log, settings, tracing)


class TracedCommit(GroupCommit):
    def __init__(self, conninfo: str, settings: Settings, tracing: Tracing) -> None:
        super().__init__(conninfo, settings)
        self._tracing = tracing

    def queued(self, command: Append) -> asyncio.Future[Verdict]:
        """As without; the span ends with the verdict."""
        span = self._tracing.append(command.rows)
        try:
            verdict = super().queued(command)
        except DomainError:
            span.end()
            raise
        verdict.add_done_callback(lambda _: span.end())
        return verdict


class _TracedExclusiveLog(ExclusiveLog):
    def __init__(self, log: GroupCommit, settings: Settings, tracing: Tracing) -> None:
        super().__init__(log, settings)
        self._tracing = tracing

    async def _append(self, command: Append) -> Verdict:
        span = self._tracing.append(command.rows)
        try:
            return await super()._append(command)
        finally:
            span.end()
