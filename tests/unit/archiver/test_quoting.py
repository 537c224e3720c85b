"""A service's words in our messages, and what is left out of them."""

import html
from base64 import b64encode
from hashlib import md5
from urllib.parse import quote

import pytest

from archiver.sources.quoting import quoted, quoted_of_digest

SECRET = "pa&ss%word+é 7"
LEFT_OUT = "words that are left out, for they may hold the password"


@pytest.mark.parametrize("said", [b"Soon back", "Soon back", b"  Soon back\n"])
def test_harmless_words_are_quoted(said):
    """What the service says helps; white space about it doesn't."""
    assert quoted(said, [SECRET]) == "'Soon back'"


def test_long_words_are_cut():
    """Their beginning says enough."""
    assert quoted("x" * 5000, [SECRET]) == repr("x" * 300 + " …")


@pytest.mark.parametrize(
    "echo",
    [
        SECRET.encode(),
        SECRET.encode("latin-1"),
        SECRET.encode("utf-16"),
        SECRET.encode().decode("latin-1"),
        SECRET.strip("7 "),
        SECRET[:9],
        SECRET.upper(),
        html.escape(SECRET),
        SECRET.replace("&", "&amp;").replace("é", "&eacute;"),
        quote(SECRET),
        quote(quote(SECRET)),
        html.escape(quote(SECRET)),
        md5(SECRET.encode()).hexdigest(),
        SECRET.replace(" ", "\n"),
        "<" + SECRET + ">",
        "\\".join(SECRET),
    ],
    ids=repr,
)
def test_words_that_hold_the_secret_are_left_out(echo):
    """Whatever its encoding and its escapes, and if it is only its beginning."""
    before, after = ("x" * 200_000)[: 295 - len(echo)], " is wrong"
    said = (
        before.encode() + echo + b" is wrong" if isinstance(echo, bytes) else before + echo + after
    )
    assert quoted(said, [SECRET]) == LEFT_OUT


@pytest.mark.parametrize("number", ["9" * 5000, "x" + "f" * 5000, "9" * 199_990])
def test_a_reference_of_many_digits_is_quoted(number):
    """No number is too long to be no character."""
    assert quoted(f"&#{number};", [SECRET]).startswith("'&#")


def test_a_secret_after_a_reference_of_many_digits_is_found():
    """Nor does one hide what stands beside it."""
    assert quoted(f"&#{'9' * 5000};{html.escape(SECRET)}", [SECRET]) == LEFT_OUT


@pytest.mark.parametrize("secret", ["abc", "&&&&&&&&", "üüüüüü"])
def test_nothing_is_quoted_where_a_secret_could_not_be_found(secret):
    """A secret without letters, or of three of them, can't be looked for."""
    assert quoted("Soon back", [secret]) == LEFT_OUT


DIGEST = md5(b"password", usedforsecurity=False).digest()


@pytest.mark.parametrize(
    "said",
    [
        "user or pass: wrong credentials",
        "link: takes a Linkbee link, or its hash",
        "no such link: http://linkbee.com/a1B2",
        "pass: takes the digest: 16 bytes, each of which may be written as %XX",
        b"<html><head><title>Welcome</title></head></html>",
        "Content-Type: application/x-www-form-urlencoded",
        "x" * 5000,
    ],
)
def test_plain_words_are_quoted_where_a_digest_travels(said):
    """What Linkbee says helps, as long as it is nothing but words."""
    assert quoted_of_digest(said, "password") == quoted(said, ["password"]) != LEFT_OUT


@pytest.mark.parametrize(
    "echo",
    [
        DIGEST.decode("latin-1"),
        DIGEST.decode("cp1252", "replace"),
        DIGEST.decode("utf-8", "replace"),
        DIGEST.decode("ascii", "replace"),
        DIGEST.decode("ascii", "ignore"),
        DIGEST.decode("ascii", "replace").replace("\ufffd", "?"),
        DIGEST.decode("ascii", "backslashreplace"),
        repr(DIGEST),
        DIGEST.hex(),
        DIGEST.hex(" "),
        DIGEST.hex(":").upper(),
        DIGEST[8:].hex(),
        DIGEST[:5].hex(),
        b64encode(DIGEST).decode(),
        b64encode(DIGEST).decode()[:10],
        ",".join(map(str, DIGEST)),
        " ".join(map(str, DIGEST[:6])),
        " ".join(f"{byte:03d}" for byte in DIGEST),
        "".join(f"\\{byte:03o}" for byte in DIGEST),
        "".join(f"\\u{byte:04x}" for byte in DIGEST),
        "".join(f"&#{byte};" for byte in DIGEST),
        quote(DIGEST),
        quote(quote(DIGEST)),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("before", ["bad ", "x " * 146], ids=["at its beginning", "cut"])
def test_words_that_hold_a_digest_are_left_out(before, echo):
    """Whatever encoding its bytes were taken for, and if it is only a part."""
    assert quoted_of_digest(before + echo, "password") == LEFT_OUT
    if not echo.isascii():
        return
    assert quoted_of_digest((before + echo).encode(), "password") == LEFT_OUT


def test_nothing_beyond_ascii_is_quoted_where_a_digest_travels():
    """A digest may have hardly a byte that is a letter."""
    digest = md5(b"pass20", usedforsecurity=False).digest()
    assert quoted_of_digest("bad " + digest.decode("latin-1"), "pass20") == LEFT_OUT
    assert quoted_of_digest("ung\xfcltig", "password") == LEFT_OUT


def test_what_is_left_of_a_digest_is_not_quoted():
    """Where a service drops all that it takes for no text."""
    left = "".join(filter(str.isprintable, DIGEST.decode("ascii", "ignore")))
    assert left == "_M;Ze'"
    assert quoted_of_digest(f"bad {left}", "password") == LEFT_OUT
    assert quoted_of_digest(f"bad {left[:4]}", "password") == LEFT_OUT


def test_any_long_code_is_left_out_where_a_digest_travels():
    """It may be the digest in an encoding that nobody thought of."""
    for code in ("mFRGGZDFMZTWQ2LKNNWG23TP", "8c2f-91aa-04bd-77e0-13c5"):
        assert quoted_of_digest(f"bad {code}", "password") == LEFT_OUT
    assert quoted("bad 8c2f-91aa-04bd-77e0-13c5", ["password"]) != LEFT_OUT


def test_words_are_cut_after_their_redaction():
    """A cut leaves no beginning of a secret that redaction would have found whole."""
    assert quoted("x " * 146 + "-p-a-s-s-w-o-r-d", ["password"]) == LEFT_OUT
    hidden = md5(b"password", usedforsecurity=False).digest().decode("latin-1")
    assert "_M" not in quoted("x" * 295 + hidden, ["password"])
