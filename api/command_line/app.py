"""The commands that there are: one line each."""

from __future__ import annotations

import typer

from api.command_line import (
    dead_letters,
    demo,
    developing,
    doctor,
    importing,
    limits,
    log,
    projecting,
    rebuilding,
    resetting,
    restarting,
    rotating,
    running,
    signing_in,
)

PASSED_ON: dict[str, object] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}
"""For a command whose arguments are another program's."""

app = typer.Typer(
    help="Incidents, audits and corrective actions on an event log that can be proven.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up", context_settings=PASSED_ON)(running.up)
app.command("dev", context_settings=PASSED_ON)(running.dev)
app.command("restart")(restarting.restart)
app.command("test", context_settings=PASSED_ON)(developing.test)
app.command("check")(developing.check)
app.add_typer(importing.app, name="import")
projecting.app.command("rebuild")(rebuilding.rebuild)
projecting.app.command("drop-old")(rebuilding.drop_old)
app.add_typer(projecting.app, name="projections")
app.add_typer(log.app, name="log")
app.add_typer(dead_letters.app, name="dead-letters")
app.command("doctor")(doctor.doctor)
app.command("limits")(limits.limits)
app.command("demo")(demo.demo)
app.command("token")(signing_in.token)
app.command("metrics-token")(signing_in.metrics_token)
app.command("reset-password")(resetting.reset_password)
app.command("rotate-secret")(rotating.rotate_secret)
app.command("bench", context_settings=PASSED_ON)(developing.bench)
