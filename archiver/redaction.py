"""Takes secrets out of what is shown, logged, kept or sent, in every form they travel in."""

import hashlib
import logging
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

_MASK = "[redacted]"
_SHORT = 4
# Each may itself have been encoded or escaped, once or more.
_PERCENT = "%(?:25)*"
_AMPERSAND = "&(?:amp;)*"
_BACKSLASH = r"\\{1,4}"
_XML_NAMES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
# Of both alphabets.
_BASE64_DIGITS = str.maketrans({"+": "(?:[+-]|%2[Bb])", "/": r"(?:\\?/|_|%2[Ff])"})
_BASE64_DIGIT = r"(?:[A-Za-z0-9+_-]|\\?/|%2[BbFf])"
_TOLD_CHARACTERS = 600
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Redactor:
    """Replaces secrets in finished text by `[redacted]`.

    A secret is found as it is, and with any of its characters percent-encoded (a space as `+`
    too) or escaped as JSON, XML, HTML and Python do; so is its MD5, as bytes and in hexadecimal.
    Both are found in base64, whatever is encoded with them, and the secret in hexadecimal.
    Hexadecimal digits may be in either case. Where secrets overlap, all that they cover goes.

    A secret of fewer than four characters is found only where neither a letter nor a digit
    adjoins it, and not in base64 or hexadecimal: taken out of words it would spoil every message,
    and tell itself by its absence. Empty ones are ignored.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # Each looks ahead, so that a match is found where it overlaps the one before.
        self._patterns = [
            re.compile(f"(?=({form}))")
            for secret in {secret for secret in secrets if secret}
            for form in _forms(secret)
        ]

    def redact(self, text: str) -> str:
        """Give the text without the secrets."""
        spans = sorted(match.span(1) for form in self._patterns for match in form.finditer(text))
        kept: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:
                kept += [text[done:start], _MASK]
            done = max(done, end)
        return "".join(kept) + text[done:]

    def told(self, text: str) -> str:
        """Give the text as it may be told: without the secrets, and then not too long.

        In this order: a secret of which a cut leaves the beginning isn't found any more.
        """
        redacted = self.redact(text)
        if len(redacted) <= _TOLD_CHARACTERS:
            return redacted
        return f"{redacted[:_TOLD_CHARACTERS]} …"


class RedactingFormatter(logging.Formatter):
    """Redacts the finished text of a record, its traceback included.

    More secrets may become known, and be added to `secrets`, while it is in use.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets
        self._known = 0
        self._redactor = Redactor(())

    def format(self, record: logging.LogRecord) -> str:
        """Give the record's text without the secrets."""
        if len(self._secrets) != self._known:
            self._known = len(self._secrets)
            self._redactor = Redactor(self._secrets)
        text = self._redactor.redact(super().format(record))
        # A service's words may be among it: none of them moves a terminal's cursor.
        return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], text)


def _forms(secret: str) -> Iterator[str]:
    """Give the regular expressions that find a secret and its MD5."""
    plain = _encoded(secret)
    if len(secret) < _SHORT:
        # `%3D` may go before, as in `pass%3Dabc`.
        plain = rf"(?:(?<![^\W_])|(?<=%[0-9A-Fa-f]{{2}})){plain}(?![^\W_])"
    yield plain
    # Linkbee's API takes the digest's bytes for the password.
    digest = hashlib.md5(secret.encode(errors="replace"), usedforsecurity=False)
    yield f"(?i:{digest.hexdigest()})"
    yield _encoded(digest.digest().decode("latin-1"))
    yield from _in_base64(digest.digest())
    if len(secret) >= _SHORT:
        utf8 = secret.encode(errors="replace")
        yield f"(?i:{utf8.hex()})"
        yield from _in_base64(utf8)


def _in_base64(data: bytes) -> Iterator[str]:
    """Give the regular expressions of bytes in base64, after none, one and two bytes of others.

    A digit in which those have a part, or what follows, may be any.
    """
    for before, begin in enumerate((0, 2, 3)):
        digits = b64encode(bytes(before) + data).decode().rstrip("=")
        whole = digits[begin : (before + len(data)) * 8 // 6]
        first = _BASE64_DIGIT if before else ""
        last = f"{_BASE64_DIGIT}(?:=|%3[Dd]){{0,2}}" if (before + len(data)) % 3 else ""
        yield f"{first}{whole.translate(_BASE64_DIGITS)}{last}"


def _encoded(text: str) -> str:
    """Give the regular expression for a text of which each character may be encoded."""
    parts: list[str] = []
    for character, run in groupby(text):
        length = len(list(run))
        # One backslash may stand as several, but a long run must not be split in all ways.
        count = f"{{{length},{8 * length}}}" if character == "\\" else f"{{{length}}}"
        plain, *encoded = _encodings(character)
        # Plain comes last: of `%25` it would take the first character only.
        parts.append(f"(?:(?i:{'|'.join(encoded)})|{plain}){count}")
    return "".join(parts)


def _encodings(character: str) -> Iterator[str]:
    """Give the regular expressions of a character: itself, in a URL, JSON, Python, XML, HTML."""
    code = ord(character)
    utf8 = character.encode(errors="replace")
    utf16 = character.encode("utf-16-be", errors="replace")
    yield re.escape(character)
    if character == " ":
        yield r"\+"
    yield "".join(f"{_PERCENT}{byte:02x}" for byte in utf8)
    yield "".join(f"{_BACKSLASH}x{byte:02x}" for byte in utf8)
    if 0x80 <= code <= 0xFF:  # Latin-1, and a byte of a digest
        yield f"{_PERCENT}{code:02x}"
        yield f"{_BACKSLASH}x{code:02x}"
    yield "".join(f"{_BACKSLASH}u{utf16[at : at + 2].hex()}" for at in range(0, len(utf16), 2))
    yield f"{_BACKSLASH}u{code:08x}"
    if character in _LETTERS:
        yield _BACKSLASH + _LETTERS[character]
    elif character != "\\" and not character.isalnum():  # that one: see count
        yield _BACKSLASH + re.escape(character)
    yield f"{_AMPERSAND}#(?:0*{code}|x0*{code:x});"
    if character in _XML_NAMES:
        yield f"{_AMPERSAND}{_XML_NAMES[character]};"
