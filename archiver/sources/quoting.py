"""A service's own words in our messages, unless they hold a secret in whatever disguise.

Redaction knows the forms in which a program writes a secret. A service that echoes one may write
it in another encoding, with other escapes, or cut: then its words are left out altogether.
"""

import html
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from hashlib import md5
from urllib.parse import unquote, unquote_to_bytes

from archiver.redaction import Redactor

_LEFT_OUT = "words that are left out, for they may hold the password"
_LONGEST = 300
_LOOKED_AT = 200_000
_REDACTED = 20_000  # of which more than the longest stays, whatever is taken out
_TELLING = 6  # letters and digits of a secret, or bytes of its digest, that give it away
_TELLING_DIGITS = 8
_TELLING_ASCII = 4  # where all other bytes of a digest were dropped

_LONG_NUMBER = re.compile(r"&#[0-9]{1000,}")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*")
_ESCAPED = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{3}))")
_NOT_ASCII = re.compile(r"[^\x21-\x7e]|\?")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")
_WORDS = re.compile(r"(?:(?:[A-Z]?[a-z]+|[A-Z]+|[0-9]{1,3})(?:[+/=_-]+|$))*")


def quoted(said: bytes | str, secrets: Iterable[str], mask: Callable[[str], str] = str) -> str:
    """The beginning of what a service said, in quotation marks; or that it is left out.

    `mask` takes out of it what else isn't to be told, before it is cut.
    """
    known = list(secrets)
    text = _text_of(said)
    shapes = {_letters(shape) for shape in _unescaped(text)}
    raw = said.encode("utf-8", "replace") if isinstance(said, str) else said
    for secret in known:
        digest = _digest(secret)
        if any(digest[:_TELLING] in shape for shape in _unquoted(raw[:_LOOKED_AT])):
            return _LEFT_OUT
        # A part is enough: what stands at the end of a cut text is the secret's beginning.
        for hidden in (_letters(secret)[:_TELLING], digest.hex()[:_TELLING]):
            if len(hidden) < 4 or any(hidden in shape for shape in shapes):
                return _LEFT_OUT
    # Cut when it is redacted: a secret of which a cut leaves the beginning isn't found any more.
    shown = mask(Redactor(known).redact(text.strip()[:_REDACTED]))
    return repr(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …")


def quoted_of_digest(said: bytes | str, password: str) -> str:
    """As `quoted`, for a service to which the password's MD5 travels as bytes.

    Echoed in whatever encoding, they look like any text: only what is plainly words is quoted.
    """
    parts = list(_telling_parts(_digest(password)))
    ascii_parts = list(_telling_ascii(_digest(password)))
    for shape in _unescaped(_text_of(said)):
        letters, ascii_alone = _letters(shape), _NOT_ASCII.sub("", shape)
        if (
            not _PLAIN.fullmatch(shape)
            or not all(map(_WORDS.fullmatch, _LONG_RUN.findall(shape)))  # hexadecimal, base64
            or any(part in letters for part in parts)
            or any(part in ascii_alone for part in ascii_parts)
        ):
            return _LEFT_OUT
    return quoted(said, [password])


def _text_of(said: bytes | str) -> str:
    text = said[:_LOOKED_AT]
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _digest(secret: str) -> bytes:
    return md5(secret.encode(), usedforsecurity=False).digest()


def _telling_parts(digest: bytes) -> Iterator[str]:
    """Parts of a digest as letters and digits: hexadecimal, base64, its bytes as numbers."""
    yield from _windows(digest.hex(), _TELLING)
    yield from _windows(_letters(b64encode(digest).decode()), _TELLING)
    for form in ("d", "03d", "o", "03o"):
        yield from _windows("".join(format(byte, form) for byte in digest), _TELLING_DIGITS)


def _telling_ascii(digest: bytes) -> Iterator[str]:
    """Parts of what is left of a digest where bytes beyond ASCII are dropped, or are a `?`."""
    return _windows(_NOT_ASCII.sub("", digest.decode("latin-1")), _TELLING_ASCII)


def _windows(text: str, length: int) -> Iterator[str]:
    for start in range(len(text) - length + 1):
        yield text[start : start + length]


def _unquoted(raw: bytes) -> Iterator[bytes]:
    once = unquote_to_bytes(raw)
    yield from (once, unquote_to_bytes(once))


def _unescaped(text: str) -> set[str]:
    # A reference of very many digits is no character, and html.unescape falls over it.
    plain = html.unescape(_LONG_NUMBER.sub("", text))
    spelled = _ESCAPED.sub(_character, plain)
    return {text, plain, spelled, unquote(text), unquote(plain), unquote(unquote(plain))}


def _character(escaped: re.Match[str]) -> str:
    four, two, octal = escaped.groups()
    return chr(int(octal, 8) if octal else int(four or two, 16))


def _letters(text: str) -> str:
    """The text's letters and digits alone, those of ASCII, whatever their case."""
    return "".join(filter(str.isalnum, text.encode("ascii", "ignore").decode())).lower()
