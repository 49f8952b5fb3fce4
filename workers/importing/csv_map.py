"""The YAML file that says what the columns and words of a tracker's export mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from workers.importing.cases import Step
from workers.importing.session import ImportStopped
from write_model.incident.events import HoldReason, Severity


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone like Europe/Berlin") from error
    return name


Column = Annotated[str, StringConstraints(min_length=1)]
Zone = Annotated[str, AfterValidator(_known_zone)]
SourceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Columns(_Part):
    """The export's column headers."""

    case: Column
    status: Column
    time: Column
    title: Column | None = None
    severity: Column | None = None
    sub_status: Column | None = None
    team: Column | None = None
    person: Column | None = None

    def named(self) -> dict[str, str]:
        """Ours -> theirs, for the columns that are there."""
        return self.model_dump(exclude_none=True)


class Time(_Part):
    """`format` as strptime takes it; None is ISO 8601. `zone` is for times that name none."""

    format: str | None = None
    zone: Zone | None = None


class Waiting(_Part):
    waiting: HoldReason


class CsvMap(_Part):
    """`steps` goes by "status / sub-status", or by the status where that says enough."""

    source: SourceName
    columns: Columns
    steps: Annotated[dict[str, Step | Waiting], Field(min_length=1)]
    severities: dict[str, Severity] = Field(default_factory=dict[str, Severity])
    default_severity: Severity | None = None
    time: Time = Time()
    order: Literal["file", "time"] = "file"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] = "utf-8"

    @model_validator(mode="after")
    def _every_case_gets_a_severity(self) -> Self:
        if self.columns.severity is None and self.default_severity is None:
            raise ValueError("give columns.severity with severities, or default_severity")
        return self


def read_map(path: Path) -> CsvMap:
    """Raises: ImportStopped with every key that is wrong, and how."""
    try:
        return CsvMap.model_validate(yaml.safe_load(path.read_text("utf-8-sig")))
    except ValidationError as error:
        faults = "\n".join(f"  {_key(fault)}: {fault['msg']}" for fault in error.errors())
        raise ImportStopped(f"{path} cannot be used; correct these keys:\n{faults}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ImportStopped(f"{path} is not YAML: {error}") from error


def _key(fault: Any) -> str:
    return ".".join(str(part) for part in fault["loc"]) or "the file"
