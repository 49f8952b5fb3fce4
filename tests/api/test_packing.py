"""Large answers are packed for whoever takes it, and what is packed is an answer of its own."""

from __future__ import annotations

import pytest

from api.packing import WORTH_IT_BYTES, takes_gzip
from tests.api.serving import Served, Somebody, told
from tests.house.files import CHECKOUT

LONG = {"description": "Under the mast. " * (WORTH_IT_BYTES // 16)}


@pytest.mark.parametrize(
    "accepted",
    ["gzip", "x-gzip", "GZIP ; q=0.1", "br, gzip;q=0.8", "*", "identity;q=0.5, *;q=0.6", "gzip,"],
)
def test_gzip_is_taken(accepted: str) -> None:
    assert takes_gzip(accepted)


@pytest.mark.parametrize(
    "accepted",
    [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0.000, *",
        "*;q=0",
        "identity, gzip;q=0.5",
        "gzip;q=much",
        "gzip;level=9",
        "gzip;q=nan",
    ],
)
def test_gzip_is_not_taken(accepted: str) -> None:
    assert not takes_gzip(accepted)


@pytest.mark.usefixtures("projector")
async def test_a_large_answer_is_packed_and_says_so(commander: Somebody) -> None:
    incident, *_ = [await commander.declares(**LONG) for _ in range(30)][::-1]
    for path in ("/v1/incidents", "/v1/incidents/INC-1", "/v1/incidents/INC-1/history"):
        asked = f"{path}?min_position={incident['position']}"
        plain = await commander.get(asked, Accept_Encoding="identity")
        packed = await commander.get(asked, Accept_Encoding="gzip")
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert int(packed.headers["Content-Length"]) < len(plain.content) / 4
        assert packed.content == plain.content
        assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.usefixtures("projector")
async def test_a_small_answer_is_not_worth_it(commander: Somebody) -> None:
    answer = await commander.get("/v1/incidents", Accept_Encoding="gzip")
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.usefixtures("projector")
async def test_either_tag_is_known_and_names_its_version(commander: Somebody) -> None:
    incident = await commander.declares(**LONG)
    path = f"/v1/incidents/INC-1?min_position={incident['position']}"
    plain = (await commander.get(path, Accept_Encoding="identity")).headers["ETag"]
    packed = (await commander.get(path, Accept_Encoding="gzip")).headers["ETag"]
    assert plain != packed
    for seen, known in (
        (plain, plain),
        (packed, packed),
        (f'"7", {packed}', packed),
        (f"W/{plain}", plain),
        ("*", plain),
    ):
        answer = await commander.get(path, If_None_Match=seen)
        assert (answer.status_code, answer.headers["ETag"]) == (304, known)
        assert answer.headers["Vary"] == "Accept-Encoding"
    assert (await commander.get(path, If_None_Match='"7"')).status_code == 200
    rests_on = await commander.post("/v1/incidents/INC-1/acknowledge", If_Match=packed)
    assert rests_on.status_code == 200


async def test_what_comes_at_any_size_is_packed_right(served: Served) -> None:
    plain = await served.http.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    packed = await served.http.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert told(packed) == told(plain)
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 8


def test_what_handles_secrets_packs_nothing() -> None:
    """What is reflected beside a secret would tell of it by the length of the whole (BREACH)."""
    for file in (CHECKOUT / "api" / "identity").rglob("*.py"):
        assert "packing" not in file.read_text(), file
