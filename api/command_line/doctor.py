"""`tallystick doctor`: whether an installation is sound, and what to do where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.command_line.projecting import AsJson, Home, print_json

if TYPE_CHECKING:
    from workers.doctor.finding import Finding

WholeLog = Annotated[
    bool, typer.Option("--whole-log", help="Read the whole log, not its last 100,000 events.")
]


def doctor(whole_log: WholeLog = False, as_json: AsJson = False, home: Home = None) -> None:
    """Look the installation over; exits with 1 when something is wrong, and says what to do.

    Home and secrets, disk, clock, Postgres and its settings, migrations, roles, walls between
    organizations, the log's positions and branches, projections, dead letters, cache and api.
    Nothing is changed.
    """
    from workers.doctor.examining import examined
    from write_model.kernel.settings import Settings

    settings = Settings(home=home.expanduser()) if home else Settings()
    findings = list(examined(settings, whole_log=whole_log))
    if as_json:
        print_json({"is_well": _all_well(findings), "findings": [_as_json(f) for f in findings]})
    else:
        _tell(findings)
    if not _all_well(findings):
        raise typer.Exit(1)


def _all_well(findings: list[Finding]) -> bool:
    return all(finding.is_well for finding in findings)


def _as_json(finding: Finding) -> dict[str, object]:
    """The shape that scripts rely on."""
    return {
        "about": finding.about,
        "is_well": finding.is_well,
        "found": finding.found,
        "advice": finding.advice or None,
    }


def _tell(findings: list[Finding]) -> None:
    for finding in findings:
        mark = "ok" if finding.is_well else "WRONG"
        typer.echo(f"{mark:<6} {finding.about:<25} {finding.found}")
        if not finding.is_well:
            typer.echo(f"       {finding.advice}")
