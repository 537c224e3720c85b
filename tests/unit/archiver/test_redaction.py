"""No form in which a secret travels gets through."""

import hashlib
import html
import json
import logging
import re
import sys
from base64 import b64encode, urlsafe_b64encode
from math import ceil
from urllib.parse import quote, quote_plus, unquote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.redaction import RedactingFormatter, Redactor

SECRET = "pä ss/w\"ör'd&<1>\\+%;\n😀"
TOLD = 600
DIGEST = hashlib.md5(SECRET.encode()).digest()


def lower_hex(encoded):
    return re.sub("%..", lambda match: match[0].lower(), encoded)


def json_inside(text):
    return json.dumps(text)[1:-1]


SECRET_FORMS = {
    "plain": str,
    "percent-encoded": lambda secret: quote(secret, safe=""),
    "percent-encoded but for slashes": quote,
    "percent-encoded as a form": quote_plus,
    "percent-encoded in lower case": lambda secret: lower_hex(quote(secret, safe="")),
    "percent-encoded as a form in lower case": lambda secret: lower_hex(quote_plus(secret)),
    "percent-encoded wholly": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "percent-encoded as requests leaves it": lambda secret: quote(secret, "!#$&'()*+,/:;=?@[]~"),
    "percent-encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "JSON": json_inside,
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda secret: json_inside(json_inside(secret)),
    "JSON with escaped slashes": lambda secret: json_inside(secret).replace("/", "\\/"),
    "XML": lambda secret: html.escape(secret, quote=False),
    "HTML": html.escape,
    "XML with apostrophes": lambda secret: html.escape(secret).replace("&#x27;", "&apos;"),
    "XML with numbers": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "HTML twice": lambda secret: html.escape(html.escape(secret)),
    "Python": lambda secret: repr(secret)[1:-1],
    "Python in ASCII": lambda secret: ascii(secret)[1:-1],
    "Python's bytes": lambda secret: repr(secret.encode())[2:-1],
}
DIGEST_FORMS = {
    "hexadecimal": bytes.hex,
    "hexadecimal in upper case": lambda digest: digest.hex().upper(),
    "percent-encoded": quote,
    "percent-encoded as a form": quote_plus,
    "percent-encoded in lower case": lambda digest: lower_hex(quote(digest)),
    "percent-encoded wholly": lambda digest: "".join(f"%{byte:02X}" for byte in digest),
    "percent-encoded wholly in lower case": lambda digest: "".join(f"%{b:02x}" for b in digest),
    "percent-encoded twice": lambda digest: quote(quote(digest)),
    "Python's bytes": lambda digest: repr(digest)[2:-1],
    "Python's bytes in Python's text": lambda digest: repr(repr(digest)[2:-1])[1:-1],
    "backslashes wholly": lambda digest: "".join(f"\\x{byte:02x}" for byte in digest),
    "Latin-1": lambda digest: digest.decode("latin-1"),
}


@pytest.mark.parametrize("form", SECRET_FORMS)
def test_each_form_of_a_secret_is_replaced(form):
    """A secret is replaced whole, and what is around it stays."""
    encoded = SECRET_FORMS[form](SECRET)
    assert Redactor([SECRET]).redact(f"pass={encoded}&x=1") == "pass=[redacted]&x=1"


@pytest.mark.parametrize("form", DIGEST_FORMS)
def test_each_form_of_its_md5_is_replaced(form):
    """The MD5 stands for the password at Linkbee, so it is replaced as the password is."""
    encoded = DIGEST_FORMS[form](DIGEST)
    assert Redactor([SECRET]).redact(f"pass={encoded}&x=1") == "pass=[redacted]&x=1"


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30))
@example(secret="\\\\\\\\")
@example(secret="    ")
@example(secret="%25%")
@example(secret="abab")
def test_every_secret_is_replaced_in_every_form(secret):
    """Whatever its characters are, a secret and its MD5 are replaced in all their forms."""
    redact = Redactor([secret]).redact
    for encode in SECRET_FORMS.values():
        assert redact(f"={encode(secret)};") == "=[redacted];"
    digest = hashlib.md5(secret.encode()).digest()
    for encode in DIGEST_FORMS.values():
        assert redact(f"={encode(digest)};") == "=[redacted];"


BASE64 = (
    b64encode,
    urlsafe_b64encode,
    lambda data: quote(b64encode(data), safe="").encode(),
)


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
    encode=st.sampled_from(BASE64),
)
@example(secret="s3cret", before=b"acme:", after=b"", encode=b64encode)
def test_every_secret_is_replaced_in_base64(secret, before, after, encode):
    """Whatever is encoded with it, as in a Basic login; so is its MD5. Of the digits that are left
    none is the secret's.
    """
    redact = Redactor([secret]).redact
    for told in (secret.encode(), hashlib.md5(secret.encode()).digest()):
        kept = redact(f"<{encode(before + told + after).decode()}>")
        assert "[redacted]" in kept
        left = unquote(kept.replace("[redacted]", "")).strip("<=>")
        assert len(left) <= sum(ceil(len(others) * 8 / 6) for others in (before, after))


@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30))
def test_every_secret_is_replaced_in_hexadecimal(secret):
    """In either case."""
    redact = Redactor([secret]).redact
    for told in (secret.encode().hex(), secret.encode().hex().upper()):
        assert redact(f"={told};") == "=[redacted];"


def test_linkbees_own_example():
    """The digest of `password`, as the page of the API writes it into a URL, is replaced."""
    url = "http://linkbee.com/api.php?task=hits&user=john&pass=_M%CC%3BZ%A7e%D6%1D%83%27%DE%B8%82%CF%99"
    redacted = "http://linkbee.com/api.php?task=hits&user=john&pass=[redacted]"
    assert Redactor(["password"]).redact(url) == redacted


def test_a_form_as_requests_encodes_it():
    """A form's body with the password in it shows the other parameters only."""
    body = urlencode({"login": "acme", "pass": SECRET, "format": "xml"})
    assert Redactor([SECRET]).redact(body) == "login=acme&pass=[redacted]&format=xml"


@pytest.mark.parametrize("secrets", [["secret-1", "secret-12"], ["secret-12", "secret-1"]])
def test_a_secret_that_begins_another(secrets):
    """Of a longer secret nothing is left, whichever is named first."""
    assert Redactor(secrets).redact("secret-12 and secret-1") == "[redacted] and [redacted]"


def test_secrets_that_overlap():
    """Where the end of one secret begins another, or itself, all of it goes."""
    assert Redactor(["abcd", "cdef"]).redact("-abcdef-") == "-[redacted]-"
    assert Redactor(["abab"]).redact("-ababab-") == "-[redacted]-"


def test_a_short_secret_is_replaced_where_it_stands_alone():
    """Fewer than four characters are a secret only apart from letters and digits."""
    redact = Redactor(["run", "é"]).redact
    assert (
        redact("pass=run&a, pass%3Drun, 'run'")
        == "pass=[redacted]&a, pass%3D[redacted], '[redacted]'"
    )
    assert redact("running the prune; café") == "running the prune; café"
    assert redact(hashlib.md5(b"run").hexdigest()) == "[redacted]"


def test_an_empty_secret_is_none():
    """An account without a password changes no text."""
    assert Redactor(["", ""]).redact("- text -") == "- text -"
    assert Redactor([]).redact("text") == "text"


@pytest.mark.parametrize(
    "echo",
    [
        *(encode(SECRET) for encode in SECRET_FORMS.values()),
        *(encode(DIGEST) for encode in DIGEST_FORMS.values()),
    ],
    ids=[*SECRET_FORMS, *(f"MD5 {form}" for form in DIGEST_FORMS)],
)
def test_a_secret_is_never_cut_in_half(echo):
    """What is told is redacted and then cut: wherever the secret is echoed, none of it passes."""
    told = Redactor([SECRET]).told
    for offset in range(TOLD - len(echo) - 12, TOLD + 3):
        whole = "-" * offset + "[redacted]" + "-" * 700
        assert told("-" * offset + echo + "-" * 700) == f"{whole[:TOLD]} …"


def test_what_is_short_is_told_whole():
    """Up to 600 characters nothing is cut, counted without the secrets."""
    told = Redactor([SECRET]).told
    assert told("x" * TOLD) == "x" * TOLD
    assert told("x" * (TOLD + 1)) == "x" * TOLD + " …"
    assert told("x" * (TOLD - 10) + SECRET) == "x" * (TOLD - 10) + "[redacted]"
    assert told("") == ""


def test_a_long_run_of_backslashes_takes_no_time():
    """Text that almost matches in very many ways is still read in one go."""
    assert Redactor(["\\" * 20 + "x"]).redact("\\" * 5000 + "y").endswith("\\y")


def test_what_is_no_secret_stays():
    """A near miss, such as another case of the letters, isn't taken for the secret."""
    assert (
        Redactor(["Hunter22"]).redact("hunter22 Hunter2 Hunter 22") == "hunter22 Hunter2 Hunter 22"
    )


def test_a_log_record_is_redacted_with_its_traceback():
    """Message, arguments, traceback and stack of a record are all redacted."""
    formatter = RedactingFormatter(["hunter22"])
    try:
        int("http://host/?pass=hunter22")
    except ValueError:
        record = logging.LogRecord(
            "name",
            logging.ERROR,
            __file__,
            1,
            "at %s",
            ("hunter22",),
            sys.exc_info(),
            sinfo="hunter22",
        )
    text = formatter.format(record)
    assert text.startswith("at [redacted]\nTraceback")
    assert "?pass=[redacted]" in text
    assert text.endswith("\n[redacted]")
    assert "hunter22" not in text


def test_secrets_that_become_known_later_are_redacted_too():
    """An account's password is read after the first line was logged."""
    secrets: list[str] = []
    formatter = RedactingFormatter(secrets)
    record = logging.LogRecord("name", logging.INFO, __file__, 1, "hunter22", None, None)
    assert formatter.format(record) == "hunter22"
    secrets.append("hunter22")
    assert formatter.format(record) == "[redacted]"


def test_a_log_line_moves_no_cursor():
    """What a service says may be in it: control characters are shown as what they are."""
    said = "a\x1b]0;title\x07\x1b[2J\x9b1A b\r\tc\nd"
    record = logging.LogRecord("name", logging.INFO, __file__, 1, said, None, None)
    told = RedactingFormatter([]).format(record)
    assert told == "a\\x1b]0;title\\x07\\x1b[2J\\x9b1A b\\r\tc\nd"
