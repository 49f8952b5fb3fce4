"""One question that is put to the database, and the SQL of read_model by its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """`query`: SQL. `reads_all`: why it may read all that the organization has."""

    name: str
    query: Any
    parameters: Mapping[str, Any] | tuple[Any, ...] = field(default_factory=dict[str, Any])
    reads_all: str = ""


def known_as(name: str) -> Any:
    """What a module of read_model calls so."""
    module, _, attribute = name.rpartition(".")
    return vars(importlib.import_module(f"read_model.{module}"))[attribute]


def put(name: str, *values: Any, **parameters: Any) -> Question:
    """The query of that name with these values, by their order or by name."""
    return Question(name, known_as(name), values or parameters)
