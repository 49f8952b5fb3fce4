"""From the answer that begins a record to all that may be asked of the record afterwards."""

from __future__ import annotations

import re
from typing import Any

_ON_A_RECORD = re.compile(r"(/v1/\w+)/{id}[^{]*")


def link_records(paths: dict[str, Any]) -> dict[str, Any]:
    """Every answer that names a new record leads on; returns the links, for the components."""
    links = dict[str, Any]()
    for path, methods in paths.items():
        if found := _ON_A_RECORD.fullmatch(path):
            begins = paths.get(found[1], {}).get("post")
            for operation in methods.values() if begins and _names_a_record(begins) else ():
                links[operation["operationId"]] = _link(operation)
                _lead_on(begins, operation["operationId"])
    return links


def _names_a_record(begins: dict[str, Any]) -> bool:
    """A repeated declaration answers with the first record; who founds an organization has no
    part in it."""
    return {"200", "201"} <= set(begins["responses"])


def _link(operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "operationId": operation["operationId"],
        "parameters": {"id": "$response.body#/id"},
        "description": operation["summary"],
    }


def _lead_on(begins: dict[str, Any], name: str) -> None:
    for status in ("200", "201"):
        links = begins["responses"][status].setdefault("links", {})
        links[name] = {"$ref": f"#/components/links/{name}"}
