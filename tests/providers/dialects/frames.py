"""Binary frames of AWS event streams (application/vnd.amazon.eventstream), read and made by the letter of its format.

Lengths of the frame and of its headers, a checksum of both; headers; payload; a checksum of all before it. Big-endian.
"""

import struct
import zlib
from collections.abc import Iterator

_TEXT = 7


def read(stream: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and payload of each frame; all headers of these streams are text."""
    at = 0
    while at < len(stream):
        total, of_headers = struct.unpack_from(">II", stream, at)
        frame = stream[at : at + total]
        assert zlib.crc32(frame[:8]) == struct.unpack_from(">I", frame, 8)[0]
        assert zlib.crc32(frame[:-4]) == struct.unpack_from(">I", frame, total - 4)[0]
        yield _headers(frame[12 : 12 + of_headers]), frame[12 + of_headers : -4]
        at += total


def _headers(block: bytes) -> dict[str, str]:
    headers = {}
    at = 0
    while at < len(block):
        length = block[at]
        name = block[at + 1 : at + 1 + length].decode()
        at += 1 + length
        kind, size = struct.unpack_from(">BH", block, at)
        assert kind == _TEXT
        headers[name] = block[at + 3 : at + 3 + size].decode()
        at += 3 + size
    return headers


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    block = b"".join(
        bytes([len(name)]) + name.encode() + struct.pack(">BH", _TEXT, len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    lengths = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    whole = lengths + struct.pack(">I", zlib.crc32(lengths)) + block + payload
    return whole + struct.pack(">I", zlib.crc32(whole))
