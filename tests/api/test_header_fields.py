"""A header is read as the framework reads it, which everything else around it relies on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.header_fields import header

names = st.sampled_from([b"authorization", b"if-match", b"idempotency-key"])


@given(st.lists(st.tuples(names, st.binary(max_size=5)), max_size=6), names)
def test_of_several_the_first_counts(headers: list[tuple[bytes, bytes]], name: bytes) -> None:
    request = Request({"type": "http", "headers": headers})
    assert header(request, name) == request.headers.get(name.decode())
