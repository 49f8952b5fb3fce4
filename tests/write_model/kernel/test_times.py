"""A time is written out: a number could mean seconds or milliseconds, and was meant as neither."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from write_model.kernel.times import Time

TIMES = TypeAdapter(Time)


@pytest.mark.parametrize("text", ["2026-03-02T06:15:00Z", "2026-03-02 07:15+01:00"])
def test_a_time_with_its_offset_is_taken(text: str) -> None:
    assert TIMES.validate_python(text) == datetime(2026, 3, 2, 6, 15, tzinfo=UTC)


def test_a_time_that_was_read_already_is_taken() -> None:
    now = datetime.now(UTC)
    assert TIMES.validate_python(now) == now


@pytest.mark.parametrize("text", ["0", '"0"', "1772432100", '"1772432100"', "1.5", "true", '""'])
def test_a_number_is_no_time(text: str) -> None:
    with pytest.raises(ValidationError, match="written as 2026-03-02T06:15:00Z"):
        TIMES.validate_json(text)


def test_a_time_without_its_offset_is_none() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        TIMES.validate_python("2026-03-02T06:15:00")
