"""The OpenAPI document has no finding in Spectral and Redocly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.app import create_app
from api.description import self_description
from tests.surface.node import HERE, run
from write_model.kernel.settings import Settings

OPERATED = Settings(contact_email="desk@example.com", contact_url="https://desk.example")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    written = tmp_path / "openapi.json"
    written.write_text(json.dumps(self_description(create_app(OPERATED))))
    return written


@pytest.mark.slow
def test_spectral_finds_nothing(document: Path) -> None:
    rules = HERE / "spectral.yaml"
    found = run(
        "spectral", "lint", "--ruleset", rules, "--fail-severity", "hint", document, cwd=HERE
    )
    print(found.stdout)
    assert "No results with a severity of 'hint' or higher found" in found.stdout, found
    assert found.returncode == 0


@pytest.mark.slow
def test_redocly_finds_nothing(document: Path) -> None:
    found = run("redocly", "lint", "--config", HERE / "redocly.yaml", document, cwd=HERE)
    print(found.stderr)
    assert found.returncode == 0
    assert "Your API description is valid" in found.stderr
    assert "ignored" not in found.stderr
