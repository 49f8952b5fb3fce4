"""What a log line says, and what it never does."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog
from psycopg import Error, OperationalError
from psycopg.errors import InvalidTextRepresentation, UniqueViolation

from write_model.kernel.logs import configure_logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    text = io.StringIO()
    configure_logs(to=text)
    yield text
    structlog.reset_defaults()


def test_a_line_is_one_object_with_its_time_and_level(written: io.StringIO) -> None:
    structlog.get_logger("forklift").warning("the_hose_leaks", litres=3)
    line = json.loads(written.getvalue())
    assert (line["event"], line["level"], line["litres"]) == ("the_hose_leaks", "warning", 3)
    assert line["timestamp"].endswith("Z")


def test_a_traceback_shows_no_local_variable(written: io.StringIO) -> None:
    try:
        _read(injured="Ada Quist")
    except ValueError:
        structlog.get_logger("forklift").exception("reading_failed")
    assert "the record cannot be read" in written.getvalue()
    assert "Ada" not in written.getvalue()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UniqueViolation("Key (name)=(Ada Quist) already exists."), "SQLSTATE 23505"),
        (InvalidTextRepresentation('invalid uuid: "Ada Quist"'), "SQLSTATE 22P02"),
        (OperationalError("connection refused"), "connection refused"),
    ],
    ids=["constraint", "value", "connection"],
)
def test_what_the_database_says_of_values_is_not_repeated(
    written: io.StringIO, error: Exception, said: str
) -> None:
    try:
        _store(error)
    except RuntimeError:
        structlog.get_logger("forklift").exception("storing_failed")
    [_, cause] = json.loads(written.getvalue())["exception"]
    assert cause["exc_value"] == said
    assert "Ada" not in written.getvalue()


def test_less_is_logged_than_the_level_asks_for() -> None:
    text = io.StringIO()
    configure_logs("WARNING", to=text)
    log = structlog.get_logger("forklift")
    log.info("it_stands_still")
    log.warning("the_hose_leaks")
    structlog.reset_defaults()
    assert json.loads(text.getvalue())["event"] == "the_hose_leaks"


def test_by_default_logs_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    structlog.get_logger("forklift").info("it_stands_still")
    structlog.reset_defaults()
    assert "it_stands_still" in capsys.readouterr().err


def _store(error: Exception) -> None:
    try:
        raise error
    except Error as refused:
        raise RuntimeError("it could not be stored") from refused


def _read(*, injured: str) -> None:
    assert injured
    raise ValueError("the record cannot be read")
