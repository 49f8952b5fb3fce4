"""A client in TypeScript, made from the OpenAPI document, compiles and works as it stands."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from api.app import create_app
from api.description import self_description
from tests.api.serving import Served
from tests.house.files import CHECKOUT
from tests.surface.node import INSTALLED, run
from write_model.kernel.settings import Settings

EXAMPLE = CHECKOUT / "examples" / "typescript"


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The types of today's document, as `npm run generate` makes them."""
    folder = tmp_path_factory.mktemp("schema")
    described = folder / "openapi.json"
    described.write_text(json.dumps(self_description(create_app(Settings()))))
    made = run("openapi-typescript", described, "-o", "schema.d.ts", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "schema.d.ts"


@pytest.fixture
def project(schema: Path, tmp_path: Path) -> Path:
    """The example with these types, as after `npm install`."""
    project = tmp_path / "typescript"
    project.mkdir()
    for name in ("package.json", "tsconfig.json", "report_leak.ts"):
        shutil.copy(EXAMPLE / name, project / name)
    shutil.copy(schema, project / schema.name)
    (project / "node_modules").symlink_to(INSTALLED / "node_modules")
    return project


@pytest.mark.slow
@pytest.mark.parametrize(
    ("right", "wrong"),
    [('"sev3"', '"sev9"'), ("title:", "titel:"), ("/acknowledge", "/acknowlege")],
)
def test_what_the_document_does_not_allow_does_not_compile(
    project: Path, right: str, wrong: str
) -> None:
    example = project / "report_leak.ts"
    example.write_text(example.read_text().replace(right, wrong))
    found = run("tsc", "--noEmit", cwd=project)
    assert found.returncode != 0
    assert found.stdout.startswith("report_leak.ts")


@pytest.mark.slow
@pytest.mark.usefixtures("projector")
async def test_the_example_declares_acknowledges_and_reads_back(
    served: Served, project: Path
) -> None:
    built = await asyncio.to_thread(run, "tsc", cwd=project)
    assert built.returncode == 0, built.stdout
    login = project / "first-login.json"
    await served.keep_login(login)
    node = await asyncio.create_subprocess_exec(
        "node", "built/report_leak.js", login, cwd=project, stdout=subprocess.PIPE
    )
    said, _ = await node.communicate()
    print(said.decode())
    assert node.returncode == 0
    told = said.decode().splitlines()
    assert told == ["Declared INC-1.", 'INC-1 "The forklift leaks oil" is in_progress.']
