"""What is done to IP addresses before anything else sees them. Pure.

An account keeps them, truncates them, hashes them or drops them. What can't be read as an address
may be one in disguise: unless addresses are kept, it is hashed or dropped like one.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any, Literal, TypeAlias

#: From an address as the service wrote it to what of it is kept, if anything.
Treatment: TypeAlias = Callable[[str], str | None]

_HASH_BYTES = 16
_IPV4_NETWORK = 0xFFFFFF00
_IPV6_NETWORK = 0xFFFFFFFFFFFF << 80
# After its first 16 bits an address of 6to4 holds an IPv4 address: a /48 would tell all of it.
_6TO4, _6TO4_NETWORK = 0x2002, 0xFFFFFFFFFF << 88

_LONGEST_LIST = 64
_REMEMBERED, _LONGEST_REMEMBERED = 20_000, 100
_PARTS = re.compile("[^,]+").finditer
# About an address stands what is no word: blanks, brackets, a dot, a NUL; after it also a zone, a
# port, a network's length, another address, whose letters go to f. Who may have stated an address
# is taken to have. Nothing is tried twice, for a text may have a million letters.
_STATED = re.compile(
    r"[^\w:]*+(?P<groups>(?:[0-9a-f]{0,4}:){0,8}+)"
    r"(?:(?P<quad>\d{1,9}+(?:\.\d{1,9}+){3})|(?<=:)(?P<last>[0-9a-f]{0,4}+))"
    r"(?!\.?\w)(?:%\S*+)?+[^g-z]*+",
    re.IGNORECASE,
).fullmatch
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_LIKE_ADDRESS = re.compile(r"(?<!\w)[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?|\d{1,3}(?:\.\d{1,3}){3}")


def treatment(
    ip: Literal["keep", "truncate", "hash", "drop"], key: bytes | None = None
) -> Treatment | None:
    """What an account does to an address, by its `ip`; None: nothing at all.

    `hash` needs the archive's key: without it, the addresses behind the hashes could be found by
    trying all that there are.
    """
    if ip == "keep":
        return None
    if ip == "drop":
        return dropped
    if ip == "truncate":
        return _remembered(truncated)
    if not key:
        raise ValueError("addresses can't be hashed without a key")
    return _remembered(partial(hashed, key))


def _remembered(treat: Treatment) -> Treatment:
    """The same visitors click often, and reading an address takes longer than all else here."""
    remembered = lru_cache(_REMEMBERED)(treat)
    return lambda text: remembered(text) if len(text) <= _LONGEST_REMEMBERED else treat(text)


def truncated(text: str) -> str | None:
    """The first address of the network: of /24, or for IPv6 /48. None for what is no address."""
    address = _address_in(text)
    if address is None:
        return None
    bits = int(address)
    if isinstance(address, IPv4Address):
        return str(IPv4Address(bits & _IPV4_NETWORK))
    return str(IPv6Address(bits & (_6TO4_NETWORK if bits >> 112 == _6TO4 else _IPV6_NETWORK)))


def hashed(key: bytes, text: str) -> str:
    """A keyed 128-bit hash in hexadecimal, the same however the address is spelled.

    What is no address is hashed as it is.
    """
    stated = str(_address_in(text) or text)
    return blake2b(
        stated.encode(errors="surrogatepass"), key=key, digest_size=_HASH_BYTES
    ).hexdigest()


def dropped(_: str) -> None:
    """Nothing."""


def treated_value(value: Any, treat: Treatment) -> str | None:
    """What is kept of an address's field that holds JSON of any kind."""
    return treat(value if isinstance(value, str) else json.dumps(value))


def treated_strings(document: str, treat: Treatment) -> str:
    """A JSON document, written without blanks, with each string that is an address treated.

    For what we don't know the meaning of: a string that only looks like an address, such as a
    version of four small numbers, is treated too. In the place of one that is dropped stands
    null, or "" where it is a key.
    """

    def replaced(match: re.Match[str]) -> str:
        text = json.loads(match[0])
        if _address_in(text) is None:
            return match[0]
        kept = treat(text)
        if kept is None:
            return '""' if document.startswith(":", match.end()) else "null"
        return json.dumps(kept)

    return _STRING.sub(replaced, document)


def without_addresses(text: str) -> str:
    """A text for people, with `[address]` in the place of all that looks like one."""
    return _LIKE_ADDRESS.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    """Times of day have colons too, but fewer."""
    found = match[0]
    is_time = ":" in found and "::" not in found and found.count(":") < 3
    return found if is_time or found.strip(":") == "" else "[address]"


def _address_in(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text states, in one form whatever its spelling; None if it states none.

    Of a list, as in X-Forwarded-For, it is the first, which is the visitor's.
    """
    for part in islice(_PARTS(text), _LONGEST_LIST):
        address = _address(part[0])
        if address:
            return address
    return None


def _address(part: str) -> IPv4Address | IPv6Address | None:
    """An address without all that is about it; one of IPv4 mapped to IPv6 is that of IPv4."""
    stated = _STATED(part)
    if stated is None:
        return None
    groups, quad, last = stated.groups()
    try:
        # Zeros before a number pad it: services that write one don't count by eights.
        ipv4 = IPv4Address(bytes(map(int, quad.split(".")))) if quad else None
        if ipv4 and not groups:
            return ipv4
        ipv6 = IPv6Address(f"{groups}{ipv4 or last}")
    except ValueError:
        return None
    return ipv6.ipv4_mapped or ipv6
