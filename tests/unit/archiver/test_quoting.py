"""A service's words in our messages, and what is left out of them."""

import html
from hashlib import md5
from urllib.parse import quote

import pytest

from archiver.sources.quoting import quoted

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


@pytest.mark.parametrize("secret", ["abc", "&&&&&&&&", "üüüüüü"])
def test_nothing_is_quoted_where_a_secret_could_not_be_found(secret):
    """A secret without letters, or of three of them, can't be looked for."""
    assert quoted("Soon back", [secret]) == LEFT_OUT
