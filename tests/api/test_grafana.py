"""The dashboard and the alerts ask for what `GET /metrics` really tells, by labels that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.api.serving import Served, Somebody
from tests.embedded import SUPERUSER, Database
from tests.house.files import CHECKOUT

FOLDER = CHECKOUT / "docs" / "grafana"
BY_PROMETHEUS = {"up": {"job", "instance"}}
"""What the scraper itself tells of a target."""
ON_EVERY_SERIES = {"job", "instance"}

_NAME = re.compile(r"\b(?:tallystick|process)_\w+|\bup\b")
_BRACED = re.compile(r"(\w+)\{([^}]*)\}")
_BY = re.compile(r"by \(([^)]*)\)")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")

Labels = dict[str, set[str]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((FOLDER / "tallystick.json").read_text())
    found: list[dict[str, Any]] = dashboard["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return asked + [rule["expr"] for rule in rules()]


def labels_asked_for(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Each metric of an expression, with the labels by which it is chosen or summed."""
    sums = {each.strip() for by in _BY.findall(expression) for each in by.split(",")}
    chosen = {name: set(_LABEL.findall(text)) for name, text in _BRACED.findall(expression)}
    for name in _NAME.findall(expression):
        yield name, chosen.get(name, set()) | sums


async def told(served: Served) -> Labels:
    """Sample -> its labels, of a process that has done a little of everything."""
    bearer = {"Authorization": f"Bearer {served.process.metrics_token}"}
    answer = await served.http.get("/metrics", headers=bearer)
    found = dict(BY_PROMETHEUS)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_query_names_a_metric_and_labels_that_there_are(
    served: Served, owner: Somebody, database: Database
) -> None:
    await owner.declares()
    await owner.get("/v1/incidents")
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO projections.rebuilds (id, names, state, phase, done, total)"
            " VALUES (gen_random_uuid(), '{incident}', 'running', 'folding', 1, 4)"
        )
    await served.http.get("/metrics")
    there = await told(served)
    asked = [(e, name, labels) for e in expressions() for name, labels in labels_asked_for(e)]
    assert [e for e, name, _ in asked if name not in there] == []
    unknown = [e for e, name, labels in asked if labels - there[name] - ON_EVERY_SERIES]
    assert unknown == []
    assert len({name for _, name, _ in asked}) > 20


def test_every_panel_says_what_it_shows_and_stands_alone() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert all(panel["description"].endswith(".") for panel in panels())
    assert all(e.count("(") == e.count(")") for e in expressions())


def test_every_alert_says_what_to_do() -> None:
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules())
    assert {rule["labels"]["severity"] for rule in rules()} == {"critical", "warning"}
