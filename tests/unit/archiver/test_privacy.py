"""What becomes of an address: never itself, and always the same."""

import json
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.clicks import unhurried

from archiver.privacy import (
    dropped,
    hashed,
    treated_strings,
    treated_value,
    treatment,
    truncated,
    without_addresses,
)

KEY = b"k" * 32
TREATMENTS = [treatment("truncate"), treatment("hash", KEY), treatment("drop")]

ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)
#: Addresses of which a network tells less than all: neither 0 at the end, nor 6to4.
telling = st.one_of(
    ipv4.filter(lambda address: int(address) & 0xFF),
    ipv6.filter(lambda address: int(address) & (1 << 80) - 1 and int(address) >> 112 != 0x2002),
)


def spellings(address: IPv4Address | IPv6Address) -> list[str]:
    """An address in each way in which services write it."""
    if isinstance(address, IPv4Address):
        mapped = IPv6Address(f"::ffff:{address}")
        padded = ".".join(f"{int(number):03}" for number in str(address).split("."))
        bare = [str(address), f"{address}:8080", str(mapped), mapped.exploded,
                f"::ffff:{address}", f"::FFFF:{address}%eth0", f"[::ffff:{address}]:80",
                padded, f"{padded}:80", f"::ffff:{padded}", f"[{address}]"]  # fmt: skip
    else:
        exploded = address.exploded
        bare = [str(address), exploded, exploded.upper(), f"[{address}]", f"[{exploded}]:443",
                f"{address}%eth0", f"[{address}%25en1]:1", f"[{address}]/128"]  # fmt: skip
    listed = [f"{bare[0]}, 10.0.0.1", f"{bare[1]},::1, x", f"unknown, {bare[0]}, 10.0.0.1",
              f"{bare[0]} 10.0.0.1", f"{bare[0]};2001:db8::1"]  # fmt: skip
    about = [f"  {bare[0]}\t", f"{bare[0]}/24", f"{bare[0]}.", f"{bare[0]}\0", f"'{bare[0]}'",
             f"\ufeff{bare[0]}\r\n", f"<{bare[0]}>", f"({bare[0]})", f"{bare[0]}/32 "]  # fmt: skip
    return [*bare, *listed, *about]


# One address, one result


@unhurried
@given(st.one_of(ipv4, ipv6))
@example(IPv6Address("::ffff:192.0.2.1"))
@example(IPv6Address("::1"))
@example(IPv4Address("0.0.0.0"))
def test_every_spelling_gives_the_same(address):
    """Capitals, zeros, ports, zones, brackets, networks, dots, what no eye sees, mapping and
    proxies say nothing of the visitor.
    """
    for treat in TREATMENTS:
        assert len({treat(text) for text in spellings(address)}) == 1


@unhurried
@given(ipv4)
def test_ipv4_is_truncated_to_24_bits(address):
    """The first address of its /24."""
    network = ip_network((address, 24), strict=False)
    assert truncated(str(address)) == str(network.network_address)


@unhurried
@given(telling.filter(lambda address: address.version == 6))
def test_ipv6_is_truncated_to_48_bits(address):
    """The first address of its /48; of one of IPv4 mapped to IPv6, that of IPv4."""
    kept = ip_address(truncated(str(address)))
    if address.ipv4_mapped:
        assert kept in ip_network((address.ipv4_mapped, 24), strict=False)
    else:
        assert kept == ip_network((address, 48), strict=False).network_address


@unhurried
@given(ipv4, st.integers(0, (1 << 80) - 1))
def test_6to4_tells_no_more_than_the_ipv4_address_in_it_may(address, rest):
    """Its /48 would be the whole of it."""
    tunnelled = IPv6Address(0x2002 << 112 | int(address) << 80 | rest)
    kept = int(IPv6Address(truncated(str(tunnelled))))
    assert kept >> 112 == 0x2002
    assert kept & (1 << 88) - 1 == 0
    assert IPv4Address(kept >> 80 & 0xFFFFFFFF) == IPv4Address(truncated(str(address)))


@unhurried
@given(telling, telling)
def test_a_hash_is_of_the_address_alone(one, other):
    """128 bits in hexadecimal; another address has another one, and so has another key."""
    given_hash = hashed(KEY, str(one))
    assert len(bytes.fromhex(given_hash)) == 16
    same = getattr(one, "ipv4_mapped", None) == other or one == other
    assert (given_hash == hashed(KEY, str(other))) == same
    assert given_hash != hashed(b"K" * 32, str(one))


def test_a_hash_needs_a_key():
    """All addresses of IPv4 are tried within a minute."""
    for key in (None, b""):
        with pytest.raises(ValueError, match="without a key"):
            treatment("hash", key)


def test_a_hash_stays_what_it_is():
    """Another one, by another version, would double what is archived."""
    assert hashed(KEY, "192.0.2.17") == "12a20028a8b26a0355d4e8abc985193f"
    assert hashed(KEY, "2001:db8::17") == "a57f216ef77cdceeb0e2b83d7d1ca308"
    assert hashed(KEY, "unknown") == "dd7da3f979e96fb5f1f37524a3f3e5bd"


@unhurried
@given(st.one_of(ipv4, ipv6), st.sampled_from(TREATMENTS[:2]))
def test_what_is_remembered_is_what_it_was(address, treat):
    """An address that comes again is treated alike."""
    fresh = truncated(str(address)) if treat is TREATMENTS[0] else hashed(KEY, str(address))
    assert treat(str(address)) == treat(str(address)) == fresh


# What is no address


NO_ADDRESSES = [
    *("unknown", "-", "localhost", "192.0.2.256", "192.0.2", "192.0.2.17.9", "x192.0.2.17", "fed"),
    *("192.0.2.17 via 10.0.0.1", "3221226001", "0xC0000211", "[]", "[", "::g", "1:2", "%", ","),
    *("192.0.2.17x", "::ffff:192.0.2.256", "2001:db8::17.9", "1:2:3:4:5:6:7:8:9", "", "08:15:30"),
]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_never_kept_in_clear(text):
    """It may be one in disguise: hashed as it is, or dropped."""
    assert truncated(text) is None
    assert dropped(text) is None
    assert hashed(KEY, text) not in {hashed(KEY, other) for other in {*NO_ADDRESSES} - {text}}


@unhurried
@given(st.text() | st.text("0123456789abcdef:.[]%, "))
def test_no_text_is_kept_as_it_was(text):
    """Whatever stands where an address should: a network, a hash, or nothing."""
    network = truncated(text)
    assert network is None or ip_address(network)
    assert len(hashed(KEY, text)) == 32
    assert truncated(network or "") == network


def test_a_list_is_looked_through_up_to_a_point():
    """A service's endless list isn't followed to its end."""
    assert truncated("x," * 63 + "192.0.2.17") == "192.0.2.0"
    assert truncated("x," * 1_000_000 + "192.0.2.17") is None


@pytest.mark.parametrize("text", ["[" * 10**6, "::" * 10**6, "192.0.2.17" + "%" * 10**6 + " z",
                                  "::1 " + "1." * 10**6 + "z", "1" * 10**6])  # fmt: skip
def test_a_text_without_end_is_read_once(text):
    """A service's million letters take no longer than reading them."""
    begun = monotonic()
    truncated(text)
    assert monotonic() - begun < 2


def test_a_value_that_is_no_text_is_treated_as_its_json():
    """Of a list of addresses the first counts; an object is no address."""
    assert treated_value(["192.0.2.17"], TREATMENTS[0]) == "192.0.2.0"
    assert treated_value(["192.0.2.17", "::1"], TREATMENTS[1]) == hashed(KEY, "192.0.2.17")
    assert treated_value({"a": "192.0.2.17"}, TREATMENTS[0]) is None
    assert treated_value({"a": "192.0.2.17"}, TREATMENTS[1]) == hashed(KEY, '{"a": "192.0.2.17"}')
    assert treated_value("192.0.2.17", TREATMENTS[0]) == "192.0.2.0"


# Within what we don't know

_leaves = st.none() | st.booleans() | st.text(max_size=5) | st.one_of(ipv4, ipv6).map(str)
_documents = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def walked(value, treat):
    """What `treated_strings` should give, the straightforward way."""
    if isinstance(value, str):
        return treat(value) if truncated(value) is not None else value
    if isinstance(value, list):
        return [walked(item, treat) for item in value]
    if isinstance(value, dict):
        return {key: walked(item, treat) for key, item in value.items()}
    return value


@unhurried
@given(_documents, st.booleans(), st.sampled_from(TREATMENTS))
def test_each_string_of_a_document_that_is_an_address_is_treated(document, ascii_only, treat):
    """However deep it stands and whatever stands about it; nothing else changes."""
    text = json.dumps(document, ensure_ascii=ascii_only, separators=(",", ":"))
    assert json.loads(treated_strings(text, treat)) == walked(document, treat)


@pytest.mark.parametrize(
    ("treat", "treated"),
    [
        (truncated, {"192.0.2.0": "a", "x": ["10.0.0.0", "a\\", 'at "10.0.0.1"']}),
        (dropped, {"": "a", "x": [None, "a\\", 'at "10.0.0.1"']}),
    ],
)
def test_keys_and_escapes(treat, treated):
    """A key is treated as a key; what is escaped doesn't end a string."""
    document = {"192.0.2.17": "a", "x": ["\t10.0.0.1\n", "a\\", 'at "10.0.0.1"']}
    text = json.dumps(document, separators=(",", ":"))
    assert json.loads(treated_strings(text, treat)) == treated


# In what is told to people


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"ip":"192.0.2.17","a', '{"ip":"[address]","a'),
        ("from 192.0.2.17:8080, 2001:db8::17.", "from [address]:8080, [address]"),
        ("<ip>::ffff:192.0.2.17</ip>", "<ip>[address]</ip>"),
        ("2001:DB8:1:2:3:4:5:6 fe80::1%eth0", "[address] [address]"),
        ("at 2026-11-19 08:15:30 (12:00)", "at 2026-11-19 08:15:30 (12:00)"),
        ("Error: no", "Error: no"),
        ("a::b std::vector http://x/", "[address] std::vector http://x/"),
    ],
)
def test_people_are_told_no_address(text, told):
    """Times of day look a little like one, and are told."""
    assert without_addresses(text) == told


@unhurried
@given(st.one_of(ipv4, ipv6).filter(int), st.sampled_from(['"', " ", ">", "(", "ip="]))
def test_no_address_is_told(address, before):
    """Wherever it stands in the text."""
    for text in (str(address), address.exploded):
        assert text not in without_addresses(f"x {before}{text}, {text} y")
