"""Runs an import in a terminal: its progress on stderr, its report on stdout, its exit code."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

import typer
import uvloop
from pydantic_core import to_json
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from workers.importing.cases import CaseSource
from workers.importing.importing import Import
from workers.importing.login import choose
from workers.importing.report import Report
from workers.importing.session import ImportStopped, Session
from write_model.kernel.settings import Settings

_REFRESH_S = 0.2


class Running(Protocol):
    async def run(self) -> None:
        """Raises: ImportStopped."""


Way = Callable[[Session, Report], Running]
"""How the incidents get to the server, when not one command after another."""


def run(
    opened: Callable[[], CaseSource],
    *,
    way: Way | None = None,
    as_json: bool,
    url: str | None,
    home: Path | None,
    concurrency: int,
) -> None:
    """Exits with 0 when all went in, 1 when lines were rejected, 2 when it could not go on."""
    report = Report()
    try:
        source = opened()
        origin, credentials = choose(
            url=url, home=(home or Settings().home).expanduser(), environment=os.environ
        )
        session = Session(origin, credentials, in_flight=concurrency)
        importing = (
            way(session, report)
            if way
            else Import(session, source, report, side_by_side=concurrency)
        )
        uvloop.run(_with_progress(importing, source, report))
    except ImportStopped as error:
        _stop(str(error), status=2)
    except KeyboardInterrupt:
        _stop("Stopped. The same command goes on where this one stopped.", status=130)
    _print(report, as_json=as_json)
    raise typer.Exit(1 if report.rejected else 0)


def _stop(message: str, *, status: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(status)


async def _with_progress(importing: Running, source: CaseSource, report: Report) -> None:
    with _progress() as progress:
        showing = asyncio.create_task(_show(progress, source, report))
        try:
            await importing.run()
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.fields[cases]} incidents {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[commands]} commands, {task.fields[rate]}/s, left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        auto_refresh=False,  # No thread of its own beside the event loop.
    )


async def _show(progress: Progress, source: CaseSource, report: Report) -> None:
    task = progress.add_task("sent", total=1.0, cases=0, commands=0, rate=0)
    started = asyncio.get_running_loop().time()
    while True:
        sent = report.commands.total()
        elapsed_s = max(asyncio.get_running_loop().time() - started, _REFRESH_S)
        progress.update(
            task,
            completed=source.progress() if report.shown is None else report.shown,
            description="sent" if report.shown is None else "shown",
            cases=report.cases,
            commands=sent,
            rate=round(sent / elapsed_s),
            refresh=True,
        )
        await asyncio.sleep(_REFRESH_S)


def _print(report: Report, *, as_json: bool) -> None:
    told = report.as_json()
    if not report.cases and not report.rejected:
        typer.echo("The file holds no cases, so nothing was sent.", err=True)
    if as_json:
        typer.echo(to_json(told))
        return
    table = Table("", "count", title=f"{report.cases} incidents of {report.rows} rows")
    for name, counts in (("command", report.commands), ("deviation", report.deviations)):
        for kind, count in counts.most_common():
            table.add_row(f"{name} {kind}", f"{count:,}")
    console = Console()
    console.print(table)
    console.print(f"{told['wall_s']} s, {told['commands_per_s']} commands/s")
    for rejected in told["rejected"]:
        console.print(f"line {rejected['line']}: {rejected['reason']}", markup=False)
