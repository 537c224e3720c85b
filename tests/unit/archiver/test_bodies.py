"""The body of an answer: never more of it than is allowed, packed or not."""

import gzip
import socket
import zlib
from contextlib import closing, suppress

import pytest
from support.raw import raw_server
from support.scripted import Reply, scripted

from archiver.errors import UnavailableError, WindowError
from archiver.sources import bodies, transport
from archiver.sources.transport import Answer, Transport

MB = 1 << 20
GZIP = (("Content-Encoding", "gzip"),)
PACKED_OTHERWISE = "packed otherwise than by gzip"


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(transport, "_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(bodies, "MAX_BODY_BYTES", MB)


def send(url: str) -> Answer:
    with closing(Transport()) as sender:
        return sender.send(url, {"login": "acme-api"})


def read(body: bytes, *headers: tuple[str, str]) -> bytes:
    with scripted(lambda _: Reply(body, 200, headers)) as url:
        return send(url).body


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_beyond_the_cap_is_refused(packed):
    """What is counted is the unpacked size, and nothing is asked again."""
    body = b"x" * (MB + 1)
    asked = []

    def script(form: dict[str, str]) -> Reply:
        asked.append(form)
        return Reply(gzip.compress(body) if packed else body, 200, GZIP if packed else ())

    with scripted(script) as url, pytest.raises(WindowError, match=r"larger than 1 MB.*page_size"):
        send(url)
    assert len(asked) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_up_to_the_cap_is_whole(packed):
    """As many bytes as are allowed arrive, every one."""
    body = bytes(range(256)) * (MB // 256)
    assert read(gzip.compress(body) if packed else body, *(GZIP if packed else ())) == body


def test_a_gzip_that_swells_is_not_unpacked():
    """Some hundred KB that would be some hundred MB are refused at the cap, in little memory."""
    import tracemalloc  # noqa: PLC0415 - it slows down whatever runs beside it

    bomb = gzip.compress(b"\0" * (256 * MB), 9)
    with scripted(lambda _: Reply(bomb, 200, GZIP)) as url:
        tracemalloc.start()
        try:
            with pytest.raises(WindowError, match="larger than"):
                send(url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * MB


NOTHING = b"\0\0\0\xff\xff"  # a block of gzip that unpacks to nothing


@pytest.mark.parametrize(
    ("head", "endless"),
    [
        (b"", b"x" * 65536),
        (b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"Content-Length: 99999999999\r\n", b"x" * 65536),
        (b"Content-Encoding: gzip\r\n", NOTHING * 13_107),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"") * 3000),
    ],
    ids=["without a length", "chunked", "long", "gzip of nothing", "members of nothing"],
)
def test_an_endless_body_is_left_at_the_cap(head, endless):
    """Reading stops, the connection ends, and nobody asks a second time."""
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        if endless.startswith(NOTHING):
            connection.sendall(gzip.compress(b"")[:10])
        with suppress(OSError):
            while sent < 100 * MB:
                connection.sendall(endless)
                sent += len(endless)

    with raw_server(talk) as (url, arrivals), pytest.raises(WindowError, match="larger than 1 MB"):
        send(url)
    assert len(arrivals) == 1
    assert sent < 12 * MB  # of which most never left the sockets' buffers


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(b"fine")),
        ("GZip ", gzip.compress(b"fine")),
        ("x-gzip", gzip.compress(b"fine")),
        ("gzip", gzip.compress(b"fi") + gzip.compress(b"") + gzip.compress(b"ne")),
        ("gzip", gzip.compress(b"fine") + b"\r\n"),
        ("gzip", gzip.compress(b"fine") + b"\0" * 100),
        ("", b"fine"),
        ("identity", b"fine"),
        ("utf-8", b"fine"),
    ],
    ids=["gzip", "its name in other letters", "its old name", "three members", "a line's end",
         "padding", "no name", "none", "a mistake"],
)  # fmt: skip
def test_gzip_is_unpacked(encoding, packed):
    """Of one member or several, with or without something after its end; what isn't, stays."""
    assert read(packed, ("Content-Encoding", encoding)) == b"fine"


@pytest.mark.parametrize("step", range(1, 30))
def test_gzip_may_come_in_any_pieces(step, monkeypatch):
    """Wherever the network cuts it, and whatever of it is the next member."""
    monkeypatch.setattr(bodies, "_STEP_BYTES", step)
    assert read(gzip.compress(b"fi") + gzip.compress(b"ne") + b"\n", *GZIP) == b"fine"


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "identity, gzip", "BR"]
)
def test_other_packing_is_refused(encoding):
    """Gzip is what was asked for; what anything else swells to nobody knows."""
    twice = gzip.compress(gzip.compress(b"fine"))
    with pytest.raises(WindowError, match=PACKED_OTHERWISE):
        read(twice, ("Content-Encoding", encoding))


def test_gzip_twice_in_two_headers_is_refused():
    """Two headers are one list."""
    with pytest.raises(WindowError, match=PACKED_OTHERWISE):
        read(gzip.compress(gzip.compress(b"fine")), *GZIP, *GZIP)


WHOLE = gzip.compress(bytes(range(256)) * 40)


@pytest.mark.parametrize(
    "broken",
    [WHOLE[:5], WHOLE[:10], WHOLE[:-1], WHOLE[:-8], WHOLE[:100], b"fine", zlib.compress(b"fine"),
     WHOLE[:-6] + b"\0\0" + WHOLE[-4:], WHOLE + WHOLE[:30]],
    ids=["head", "no body", "a byte", "no sum", "middle", "text", "zlib", "sum", "second member"],
)  # fmt: skip
def test_gzip_that_is_broken_or_ends_too_soon_is_tried_again(broken):
    """It is no answer, even where its length agrees with what was stated; the next may be one."""
    replies = [Reply(broken, 200, GZIP), Reply(b"fine", 200)]
    with scripted(lambda _: replies.pop(0)) as url:
        assert send(url).body == b"fine"
    with pytest.raises(UnavailableError, match="broke before the whole answer"):
        read(broken, *GZIP)


def test_an_empty_body_is_no_broken_gzip():
    """Nothing, said to be packed, is nothing."""
    assert read(b"", *GZIP) == b""
