"""What a command rests on, as RFC 9110 has it, and which position a read waits for."""

from __future__ import annotations

import pytest

from tests.api.serving import Somebody, told

NOTE = {"text": "It drips again"}


@pytest.mark.parametrize("seen", ['"1"', "1", '"1.a1b2"', '"7", "1"', 'W/"1",\t"1"', "*"])
async def test_one_of_the_tags_is_that_of_the_record(commander: Somebody, seen: str) -> None:
    incident = await commander.declares()
    answer = await commander.post(f"/v1/incidents/{incident['id']}/notes", NOTE, If_Match=seen)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("seen", ['"2"', "0", 'W/"1"', '"7", "8"', 'W/"1", W/"1.a1b2"'])
async def test_none_of_the_tags_is_that_of_the_record(commander: Somebody, seen: str) -> None:
    """A weak tag says of two answers that they mean the same, which is no version."""
    incident = await commander.declares()
    answer = await commander.post(f"/v1/incidents/{incident['id']}/notes", NOTE, If_Match=seen)
    assert (answer.status_code, told(answer)["version"]) == (412, 1)


@pytest.mark.parametrize("seen", ["one", '"one"', '"1', '"1" "2"', '*, "1"', '"1",', ""])
async def test_what_is_no_list_of_tags_is_malformed(commander: Somebody, seen: str) -> None:
    incident = await commander.declares()
    answer = await commander.post(f"/v1/incidents/{incident['id']}/notes", NOTE, If_Match=seen)
    assert (answer.status_code, told(answer)["code"]) == (400, "malformed")


@pytest.mark.parametrize("asked", ["?min_position=0", ""])
@pytest.mark.parametrize("position", ["{}", "-1", "1.5", "9" * 19, ""])
async def test_a_position_that_is_none_is_never_passed_over(
    commander: Somebody, asked: str, position: str
) -> None:
    answer = await commander.get(f"/v1/incidents{asked}", X_Min_Position=position)
    assert answer.status_code == 422
    assert told(answer)["errors"][0]["field"] == "X-Min-Position"


async def test_a_position_that_is_left_empty_is_none(commander: Somebody) -> None:
    answer = await commander.get("/v1/incidents?min_position=", X_Min_Position="0")
    assert told(answer)["errors"][0]["field"] == "min_position"
