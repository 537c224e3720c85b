"""The worst that a service may do: what it answers, what is to be said, how often it is asked."""

import gzip
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import trustme

from support.raw import Talk, drip, raw_server

MB = 1 << 20
TRIES = 3
AT = "2025-09-05 08:00:00"

BASE_URL = "the account's base_url"
CHECK_LOGIN = "Check the account's login, its password and its base_url"
LATER = "Try again later"
LARGE = "the answer is larger than 8 MB"
PAGE_SIZE = "Lower the account's page_size"
BROKE = "the connection broke before the whole answer was there"
NO_HTTP = "what came isn't HTTP that can be read"


@dataclass(frozen=True)
class Case:
    """What the service does, what is to be said of it, and how often it may be asked."""

    talk: Talk
    said: str
    remedy: str
    requests: int = 1
    deadline: str = "60s"
    tls: bool = False
    of_totals: int | None = None  # how often for links; as often as for clicks


def says(data: bytes) -> Talk:
    return lambda connection: connection.sendall(data)


def answer(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return says("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def lazily(make: Callable[[], Talk]) -> Talk:
    """For what is too large to be made before it is asked for."""

    def talk(connection: socket.socket) -> None:
        make()(connection)

    return talk


def endless(beginning: bytes, more: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(beginning)
            while True:
                connection.sendall(more)

    return talk


def dripping(beginning: bytes, dripped: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(beginning)
            drip(dripped, 0.05)(connection)

    return talk


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip"
RECORD = {"id": "900", "link_id": "1", "clicked_at": AT, "ip": "192.0.2.9"}


def json_page(*records: object, **stated: object) -> bytes:
    return json.dumps({"error": 0, "total": len(records), "history": records, **stated}).encode()


GOOD = json_page(RECORD)

HTTP = {
    "an endless body": Case(endless(OK + b"\r\n", b" " * 65536), LARGE, PAGE_SIZE),
    "endless chunks": Case(endless(CHUNKED, b"8\r\n        \r\n" * 5000), LARGE, PAGE_SIZE),
    "endless gzip of nothing": Case(
        endless(OK + GZIP.encode() + b"\r\n\r\n", gzip.compress(b"") * 3000), LARGE, PAGE_SIZE
    ),
    "gzip that swells": Case(
        lazily(lambda: answer(gzip.compress(b" " * 200 * MB), GZIP)), LARGE, PAGE_SIZE
    ),
    "gzip in gzip": Case(
        answer(gzip.compress(gzip.compress(GOOD)), "Content-Encoding: gzip, gzip"),
        "packed otherwise than by gzip", BASE_URL,
    ),
    "gzip in gzip, unsaid": Case(
        answer(gzip.compress(gzip.compress(GOOD)), GZIP), "the service says", CHECK_LOGIN
    ),
    "brotli": Case(
        answer(b"\x1b\x03\x00", "Content-Encoding: br"), "packed otherwise", BASE_URL
    ),
    "gzip cut short": Case(answer(gzip.compress(GOOD)[:-9], GZIP), BROKE, LATER, TRIES),
    "gzip that is none": Case(answer(GOOD, GZIP), BROKE, LATER, TRIES),
    "a length that is too long": Case(
        says(OK + b"Content-Length: 999\r\n\r\n" + GOOD), BROKE, LATER, TRIES
    ),
    "a length that is too short": Case(
        says(OK + b"Content-Length: 70\r\n\r\n" + GOOD), "isn't a whole JSON", BASE_URL
    ),
    "a chunk of negative size": Case(says(CHUNKED + b"-5\r\n" + GOOD), BROKE, LATER, TRIES),
    "a chunk that is none": Case(says(CHUNKED + b"xyz\r\n" + GOOD), BROKE, LATER, TRIES),
    "a last chunk that is missing": Case(
        says(CHUNKED + b"%x\r\n%s\r\n" % (len(GOOD), GOOD)), BROKE, LATER, TRIES
    ),
    **{
        f"a redirect by {status}": Case(
            answer(GOOD, "Location: http://127.0.0.1:9/", status=f"{status} Moved"),
            "redirects to another address", "Set the account's base_url",
        )
        for status in (301, 302, 303, 307, 308)
    },
    "a redirect by HTML": Case(
        answer(b"<html><meta http-equiv='refresh' content='0; url=http://127.0.0.1:9/'></html>"),
        "isn't a whole JSON", BASE_URL,
    ),
    "a body that drips": Case(
        dripping(OK + b"Content-Length: 999\r\n\r\n", b"x"),
        "no whole answer within 1 seconds", LATER, TRIES, "1s",
    ),
    "headers that drip": Case(
        dripping(OK, b"A: b\r\n"), "no whole answer within 1 seconds", LATER, TRIES, "1s"
    ),
    "a flood of 100 Continue": Case(
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
        "no whole answer within 1 seconds", LATER, TRIES, "1s",
    ),
    "Retry-After of a year": Case(
        answer(b"", "Retry-After: 31536000", status="429 Too Many Requests"),
        "asks to wait for more than a day", "lower the account's requests_per_second",
    ),
    "Retry-After of a year, as a date": Case(
        answer(b"", "Date: Fri, 05 Sep 2025 12:00:00 GMT",
               "Retry-After: Sat, 05 Sep 2026 12:00:00 GMT", status="503 Busy"),
        "asks to wait for more than a day", "run again later",
    ),
    "Retry-After of many digits": Case(
        answer(b"", "Retry-After: " + "9" * 5000, status="503 Busy"),
        "asks to wait for more than a day", "run again later",
    ),
    "Retry-After in the past": Case(
        answer(b"", "Retry-After: -7", status="503 Busy"), "HTTP 503", LATER, TRIES
    ),
    "an early hint": Case(
        says(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"\r\n" + GOOD),
        "HTTP 103", LATER, TRIES,
    ),
    **{
        f"a page under {status}": Case(
            answer(GOOD, status=status), f"HTTP {status[:3]}", "[accounts.parameters]"
        )
        for status in ("202 Accepted", "203 Not Mine", "206 Partial Content", "226 IM Used")
    },
    **{
        f"status {status}": Case(
            says(b"HTTP/1.1 %d No\r\n\r\n" % status), f"HTTP {status}", "[accounts.parameters]"
        )
        for status in (204, 205, 304)
    },
    "HTTP of 1991": Case(says(b"<html>An answer</html>\r\n"), NO_HTTP, LATER, TRIES),
    "many headers": Case(says(OK + b"A: b\r\n" * 5000 + b"\r\n"), NO_HTTP, LATER, TRIES),
    "a long header": Case(
        says(OK + b"A: " + b"b" * MB + b"\r\n\r\n"), NO_HTTP, LATER, TRIES
    ),
    "nothing": Case(answer(b""), "isn't a whole JSON", BASE_URL),
    "a certificate of its own": Case(
        answer(GOOD), "TLS certificate can't be trusted", BASE_URL, 0, tls=True
    ),
}  # fmt: skip


def page_of(*records: object, **stated: object) -> Talk:
    return answer(json_page(*records, **stated))


def unstable(talk: Talk, said: str) -> Case:
    """It is read three times, and isn't of the form of links."""
    return Case(talk, f"{said}, 3 times in a row", LATER, 3, of_totals=1)


def with_field(name: str, value: object) -> Talk:
    return page_of(RECORD, {**RECORD, "id": "901", name: value})


PARTS = "more than 250,000 parts"
NO_TOTAL = "has no number as its total"
FIELDS = "set [accounts.fields]"
NOT_JSON = "isn't a whole JSON document"
NO_RECORDS = "something else than records as history"

JSON = {
    "depth": Case(answer(b'{"history": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
                  NOT_JSON, BASE_URL),
    "millions of records": Case(
        lazily(lambda: answer(b'{"history": [' + b"{}," * (2 * MB) + b"{}]}")), PARTS, PAGE_SIZE
    ),
    "100 MB in one field": Case(endless(OK + b'\r\n{"history": [{"id": "', b"x" * MB),
                                LARGE, PAGE_SIZE),
    "a key twice": Case(answer(GOOD[:-1] + b', "history": []}'), "a key twice", BASE_URL),
    "a record's key twice": Case(answer(GOOD.replace(b'"ip"', b'"id"')),
                                 "a key twice", BASE_URL),
    "records that are none": Case(page_of(RECORD, "click"), NO_RECORDS, BASE_URL),
    "a list that is none": Case(answer(b'{"history": {"1": {}}}'), NO_RECORDS, BASE_URL),
    "no list": Case(answer(b'{"error": 0, "total": 0}'), "has no history", BASE_URL),
    "no list but null": Case(answer(b'{"history": null}'), "has no history", BASE_URL),
    "NaN": Case(with_field("conversion", float("nan")), "NaN is no JSON", BASE_URL),
    "a total that is none": Case(page_of(RECORD, total="many"), NO_TOTAL, BASE_URL),
    "a negative total": Case(page_of(RECORD, total=-1), NO_TOTAL, BASE_URL),
    "a number of many digits": Case(answer(GOOD.replace(b'l": 1', b'l": ' + b"9" * 5000)),
                                    NO_TOTAL, BASE_URL),
    "an id twice": unstable(page_of(RECORD, RECORD), "one click's id twice"),
    "fewer than stated": unstable(page_of(total=1), "states 1 clicks and gave 0"),
    "more than stated": unstable(page_of(RECORD, total=0), "states 0 clicks and gave 1"),
    "UTF-16 cut in half": Case(answer(GOOD.decode().encode("utf-16")[:-1]),
                               NOT_JSON, BASE_URL),
    "ISO-8859-1": Case(answer(GOOD.replace(b"192", b"\xfc"), "Content-Type: text/json; "
                              "charset=ISO-8859-1"), NOT_JSON, BASE_URL),
    "an error under 200": Case(answer(b'{"error": "1", "msg": "later", "history": []}'),
                               "refuses with HTTP 200", CHECK_LOGIN),
}  # fmt: skip


def xml_page(history: str, head: str = "") -> bytes:
    return f"{head}<response><error>0</error>{history}</response>".encode()


def xml(history: str, head: str = "") -> Talk:
    return answer(xml_page(f"<history>{history}</history>", head))


NOT_XML = "isn't a whole XML document"
XML_RECORD = f"<record><id>900</id><clicked_at>{AT}</clicked_at></record>"
LAUGHS = "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9))
ENTITIES = {
    "billion laughs": f"<!DOCTYPE r [<!ENTITY a0 'ha'>{LAUGHS}]><response>&a9;</response>",
    "quadratic": f"<!DOCTYPE r [<!ENTITY a '{'a' * MB}'>]><response>{'&a;' * 9000}</response>",
    "a file": "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><response>&a;</response>",
}

XML = {
    "depth": Case(xml("<a>" * 100_000 + "</a>" * 100_000), "where a record should be", BASE_URL),
    "depth in a field": Case(xml(f"<record><id>{'<a>' * 9000}{'</a>' * 9000}</id></record>"),
                             "recursion", BASE_URL),
    "depth that stays open": Case(answer(b"<response>" * 100_000), NOT_XML, BASE_URL),
    **{
        f"{name} in {encoding}": Case(answer(text.encode(encoding)), "it has a document type",
                                      BASE_URL)
        for name, text in ENTITIES.items() for encoding in ("utf-8", "utf-16")
    },
    "long namespaces": Case(
        xml(f"<n:record xmlns:n='{'u' * MB}'>{'<n:a/>' * 9000}</n:record>"),
        "namespace of more than 100 characters", BASE_URL,
    ),
    "millions of elements": Case(lazily(lambda: xml("<record/>" * 500_000)), PARTS, PAGE_SIZE),
    "millions of lines": Case(
        lazily(lambda: xml("<record><id>" + "\n" * (7 * MB) + "</id></record>")),
        "more than 1,000,000 parts", PAGE_SIZE,
    ),
    "millions of attributes": Case(lazily(lambda: xml("<record " + "a=''\n" * MB + "/>")),
                                   PARTS, PAGE_SIZE),
    "text between records": Case(xml(f"lost{XML_RECORD}"), "has text between", BASE_URL),
    "text in place of records": Case(xml("Too busy"), "has text between", BASE_URL),
    "a record that is none": Case(xml("<click/>"), "where a record should be", BASE_URL),
    "no time in any": Case(xml("<record><id>1</id></record>"), "no record has the field", FIELDS),
    "NUL": Case(xml("<record><id>\0</id></record>"), NOT_XML, BASE_URL),
    "half a character": Case(xml("<record><id>&#xD800;</id></record>"), NOT_XML, BASE_URL),
    "invalid UTF-8": Case(answer(xml_page("<history/>").replace(b"0", b"\xff")), NOT_XML,
                          BASE_URL),
    "an unknown encoding": Case(xml("", "<?xml version='1.0' encoding='klingon'?>"),
                                "encoding is unknown", BASE_URL),
    "UTF-16 that is UTF-8": Case(xml("", "<?xml version='1.0' encoding='UTF-16'?>"),
                                 NOT_XML, BASE_URL),
    "another root": Case(answer(b"<html xmlns='http://www.w3.org/1999/xhtml'/>"), NOT_XML,
                         BASE_URL),
    "an error within": Case(answer(xml_page("<history/>").replace(b">0<", b"><n>5</n><")),
                            "refuses with HTTP 200", CHECK_LOGIN),
    "two lists": Case(answer(xml_page("<history/><history/>")), "more than once", BASE_URL),
    "half a page": Case(answer(xml_page(f"<history>{XML_RECORD}</history>")[:-9]), NOT_XML,
                        BASE_URL),
}  # fmt: skip


def xml_with(fields: str) -> Talk:
    second = f"<record><id>901</id>{fields}</record>"
    return answer(xml_page(f"<total>2</total><history>{XML_RECORD}{second}</history>"))


AT_FIELD = f"<clicked_at>{AT}</clicked_at>"
NO_TIME = "not a time such as"
NO_DATE = "not a time on the calendar"
END_OF_TIME = "a time in the calendar's first or last year"

#: Pages of which the second record can't be understood, and why.
UNREADABLE: dict[str, tuple[Literal["json", "xml"], Talk, str]] = {
    "no time": ("json", with_field("clicked_at", None), "it has no time"),
    "a time that is none": ("json", with_field("clicked_at", "yesterday"), NO_TIME),
    "a number for a time": ("json", with_field("clicked_at", 1757059200), NO_TIME),
    "a list for a text": ("json", with_field("ip", ["192.0.2.1"]), "a list, not a text"),
    "an object for a text": ("json", with_field("ip", {"v": 4}), "a dict, not a text"),
    "a 30th of February": ("json", with_field("clicked_at", "2025-02-30 08:00:00"), NO_DATE),
    "the year 0": ("json", with_field("clicked_at", "0000-01-01 00:00:00"), NO_DATE),
    "the year 1": ("json", with_field("clicked_at", "0001-01-01 00:00:00"), END_OF_TIME),
    "the year 9999": ("json", with_field("clicked_at", "9999-12-31 23:59:59"), END_OF_TIME),
    "the last instant": ("json", with_field("clicked_at", "9999-12-31T23:59:59-12:00"), NO_DATE),
    "values too deep": (
        "json", with_field("note", json.loads("[" * 300 + "]" * 300)), "nested too deep"
    ),
    "a field twice": ("xml", xml_with(f"{AT_FIELD}<ip>1</ip><ip>2</ip>"), "a list, not a text"),
    "elements in a field": ("xml", xml_with(f"{AT_FIELD}<ip><v4>1</v4></ip>"), "not a text"),
    "no time in XML": ("xml", xml_with(""), "it has no time"),
}  # fmt: skip

CASES: list[tuple[Literal["json", "xml"], str, Case]] = [
    *(("json", name, case) for name, case in {**HTTP, **JSON}.items()),
    *(("xml", name, case) for name, case in XML.items()),
]


@contextmanager
def serving(case: Case) -> Iterator[tuple[str, list[float]]]:
    context = None
    if case.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with raw_server(case.talk, context) as (address, arrivals):
        yield address, arrivals
