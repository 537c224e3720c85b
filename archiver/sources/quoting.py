"""A service's own words in our messages, unless they hold a secret in whatever disguise.

Redaction knows the forms in which a program writes a secret. A service that echoes one may write
it in another encoding, with other escapes, or cut: then its words are left out altogether.
"""

import html
from collections.abc import Iterable
from hashlib import md5
from urllib.parse import unquote, unquote_to_bytes

_LEFT_OUT = "words that are left out, for they may hold the password"
_LONGEST = 300
_LOOKED_AT = 200_000
_TELLING = 6  # letters and digits of a secret's beginning that give it away


def quoted(said: bytes | str, secrets: Iterable[str]) -> str:
    """The beginning of what a service said, in quotation marks; or that it is left out."""
    text = said[:_LOOKED_AT]
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    shapes = {_letters(shape) for shape in _unescaped(text)}
    raw = said.encode("utf-8", "replace") if isinstance(said, str) else said
    for secret in secrets:
        digest = md5(secret.encode(), usedforsecurity=False).digest()
        # Linkbee's credentials are the digest's bytes, percent-encoded.
        if digest[:_TELLING] in unquote_to_bytes(unquote_to_bytes(raw[:_LOOKED_AT])):
            return _LEFT_OUT
        if digest[:_TELLING] in unquote_to_bytes(raw[:_LOOKED_AT]):
            return _LEFT_OUT
        # A part is enough: what stands at the end of a cut text is the secret's beginning.
        for hidden in (_letters(secret)[:_TELLING], digest.hex()[:_TELLING]):
            if len(hidden) < 4 or any(hidden in shape for shape in shapes):
                return _LEFT_OUT
    shown = text.strip()
    return repr(shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …")


def _unescaped(text: str) -> set[str]:
    plain = html.unescape(text)
    return {text, plain, unquote(text), unquote(plain), unquote(unquote(plain))}


def _letters(text: str) -> str:
    """The text's letters and digits alone, those of ASCII, whatever their case."""
    return "".join(filter(str.isalnum, text.encode("ascii", "ignore").decode())).lower()
