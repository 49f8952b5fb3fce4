"""What a caller can rely on when asking how long incidents take."""

from __future__ import annotations

import pytest

from tests.api.serving import Served, Somebody, serving, told
from write_model.kernel.access import Role
from write_model.kernel.settings import Settings

pytestmark = pytest.mark.usefixtures("projector")

FIGURES = "/v1/metrics/incidents"


async def test_who_writes_finds_his_own_write_counted(commander: Somebody) -> None:
    await commander.declares()
    last = told(await commander.post("/v1/incidents/INC-1/acknowledge"))
    answer = await commander.get(f"{FIGURES}?group_by=team&min_position={last['position']}")
    [item] = told(answer)["items"]
    assert (item["group"], item["opened"]) == ("warehouse", 1)
    assert item["time_to_acknowledge"]["count"] == 1
    assert told(answer)["open_now"]["groups"] == [
        {"severity": "sev3", "team": "warehouse", "count": 1}
    ]
    assert int(answer.headers["X-Position"]) >= last["position"]
    assert "stale" not in told(answer)


async def test_what_is_not_shown_yet_makes_the_figures_stale(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"read_wait_s": 0.3})) as hasty:
        commander = await hasty.somebody(Role.INCIDENT_COMMANDER)
        assert told(await commander.get(f"{FIGURES}?min_position=99999"))["stale"]


async def test_nobody_measures_another_organization(served: Served, commander: Somebody) -> None:
    last = await commander.declares()
    stranger = await served.somebody(Role.VIEWER)
    assert told(await commander.get(f"{FIGURES}?min_position={last['position']}"))["items"]
    assert told(await stranger.get(FIGURES))["items"] == []


async def test_what_cannot_be_asked_is_refused_by_name(commander: Somebody) -> None:
    answer = await commander.get(f"{FIGURES}?interval=year")
    assert (answer.status_code, told(answer)["code"]) == (422, "validation")
    assert "none, day, week, month" in answer.text
