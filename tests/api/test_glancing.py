"""What is known at a glance is what the parser would have read; it is asked of everything else."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from api.glancing import plain

HEAD = b"GET /v1/incidents?limit=50 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer abc.def\r\n"
COMMAND = b"POST /v1/incidents HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nAccept: */*\r\n\r\n{}"
USUAL = some.sampled_from(
    [
        *(b"Host: a\r\n", b"accept: */*\r\n", b"Connection: keep-alive\r\n", b"X-Pallet:7\r\n"),
        *(b"Authorization: Bearer a.b\r\n", b"authorization:Bearer tsk_7 \r\n"),
        *(b"Content-Length: 2\r\n", b"content-length:0\r\n", b'If-Match: "3"\r\n'),
    ]
)
NAMES = [
    *(b"Host", b"Authorization", b"CONNECTION", b"Content-Length", b"expect", b"transfer-encoding"),
    *(
        b"Content-Length ",
        b" Content-Length",
        b"X\r\nContent-Length",
        b"Upgrade",
        b"Keep-Alive",
        b"",
    ),
]
VALUES = [
    *(b"a", b"keep-alive", b"close", b"keep-alive, close", b"0", b"2", b"+2", b"02", b"2, 2", b""),
    *(b"chunked", b"100-continue", b"h2c", b"\t a \t", b"a\nb", b"a\r b", b"\xe5", b"a\0b"),
]
ODD = some.tuples(
    some.sampled_from(NAMES),
    some.sampled_from([b": ", b":", b" : ", b":  ", b":\t"]),
    some.sampled_from(VALUES),
    some.sampled_from([b"\r\n", b"\n", b"\r\n "]),
).map(b"".join)
FIRST = some.tuples(
    some.sampled_from([b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"get", b"PRI"]),
    some.sampled_from([b" /v1/me", b" /v1/incidents?q=oil", b" /v1/stream", b" http://a/v1/me"]),
    some.sampled_from([b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"  HTTP/1.1\r\n", b"\r\n"]),
).map(b"".join)
REQUESTS = some.tuples(
    some.sampled_from([b"POST /v1/incidents HTTP/1.1\r\n"] * 3) | FIRST,
    some.lists(USUAL, max_size=3).map(b"".join),
    some.just(b"") | ODD,
    some.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b""]),
    some.sampled_from([b"", b"", b"{}", b"{}", b"{", b"0\r\n\r\n", HEAD + b"\r\n"]),
).map(b"".join)


class Read:
    """What the parser calls back."""

    def __init__(self) -> None:
        self.whole = 0
        self.credential: bytes | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self.credential = value

    def on_message_complete(self) -> None:
        self.whole += 1


def parsed(data: bytes) -> tuple[httptools.HttpRequestParser, Read]:
    read = Read()
    parser = httptools.HttpRequestParser(read)
    parser.feed_data(data)
    return parser, read


@given(REQUESTS)
@example(HEAD + b"\r\n")
@example(COMMAND)
def test_the_parser_agrees_with_every_glance(data: bytes) -> None:
    if (asked := plain(data)) is None:
        return
    parser, read = parsed(data)
    assert (parser.get_method(), parser.get_http_version()) == (asked.method, "1.1")
    assert (read.credential, read.whole) == (asked.credential, 1)
    assert parser.should_keep_alive()
    assert not parser.should_upgrade()
    parser.feed_data(COMMAND)
    assert read.whole == 2, "The next request begins where this one has ended."


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"\r\n",
        HEAD + b"Connection: keep-alive\r\nUser-Agent: a/1 (b; c)\r\n\r\n",
        HEAD + b'If-None-Match: "3.en"\r\nAccept-Encoding: gzip, br\r\n\r\n',
        COMMAND,
        COMMAND.replace(b"Content-Length:", b"content-length:"),
        COMMAND.replace(b"POST", b"DELETE"),
    ],
)
def test_what_clients_send_is_known_at_a_glance(data: bytes) -> None:
    found = plain(data)
    assert found is not None
    assert found.method == data.partition(b" ")[0]


@pytest.mark.parametrize(
    "data",
    [
        HEAD,
        HEAD + b"\r\n" + HEAD + b"\r\n",
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{",
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length : 2\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        HEAD + b"X-Note: a\r\n b\r\n\r\n",
        HEAD + b"X-Note: a\nContent-Length: 2\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\n\r\n",
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
        HEAD.replace(b"/v1/", b"/%761/") + b"\r\n",
        HEAD.replace(b"/v1/incidents", b"/v1/%73tream") + b"\r\n",
        HEAD.replace(b"/v1/incidents", b"/v1/graphql") + b"\r\n",
        HEAD.replace(b"/v1/incidents", b"/livez") + b"\r\n",
    ],
)
def test_whatever_may_be_disputed_is_left_to_the_parser(data: bytes) -> None:
    assert plain(data) is None
