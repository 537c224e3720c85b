"""The body of an answer, read and unpacked in steps: what it may cost is known beforehand."""

import zlib

import requests

from archiver.errors import WindowError

#: An answer larger than this, as it travels or unpacked, is refused. A page of 1,000 clicks is
#: some 0.6 MB; taken apart, one of this size needs some 100 MB of memory at the very most.
MAX_BODY_BYTES = 8 * 1024 * 1024

#: What is asked for. Other packing is refused: what it swells to isn't ours to bound.
ACCEPTED_ENCODING = "gzip"

_STEP_BYTES = 1024 * 1024
_GZIP = frozenset({"gzip", "x-gzip"})
_OTHER_PACKING = frozenset({"br", "compress", "deflate", "dcb", "dcz", "x-compress", "zstd"})
_GZIP_BEGINS = 0x1F


def read_body(response: requests.Response) -> bytes:
    """Read an answer's whole body, unpacked. The response is to be one that streams.

    Raises WindowError for one that is too large or packed in a way that wasn't asked for, and
    zlib.error or EOFError for gzip that is broken or ends too soon.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if "," in encoding or encoding in _OTHER_PACKING:
        raise WindowError(
            "the answer is packed otherwise than by gzip alone, which was asked for. Check the "
            "account's base_url, and what stands between it and this machine"
        )
    gzip = _Gzip() if encoding in _GZIP else None
    pieces: list[bytes] = []
    received = size = 0
    while step := response.raw.read(_STEP_BYTES, decode_content=False):
        received += len(step)
        pieces.append(gzip.unpack(step, MAX_BODY_BYTES + 1 - size) if gzip else step)
        size += len(pieces[-1])
        if max(received, size) > MAX_BODY_BYTES:
            raise WindowError(
                f"the answer is larger than {MAX_BODY_BYTES >> 20} MB. Lower the account's "
                "page_size; or, if it has many more records than that, see whether the service's "
                "name of limit is another: [accounts.parameters]"
            )
    if gzip and received and not gzip.ended:
        raise EOFError
    return b"".join(pieces)


class _Gzip:
    """Unpacks gzip, of one member or several, never more than there is room for."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def ended(self) -> bool:
        return self._member.eof

    def unpack(self, packed: bytes, room: int) -> bytes:
        """Unpack the next bytes; what there is no room for is dropped. `room` is above 0."""
        unpacked = bytearray()
        while packed and len(unpacked) < room:
            if self._member.eof:
                if packed[0] != _GZIP_BEGINS:
                    break  # what some services write after the end, such as a line's end
                self._member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            unpacked += self._member.decompress(packed, room - len(unpacked))
            packed = self._member.unused_data
        return bytes(unpacked)
