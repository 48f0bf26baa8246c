"""Whether a file is whole, by its own bookkeeping.

Decoders forgive: OpenCV fills what a JPEG lacks with grey and goes on.
"""

from __future__ import annotations

import zlib

PNG_START = b'\x89PNG\r\n\x1a\n'
JPEG_START, JPEG_END = b'\xff\xd8', b'\xff\xd9'
TRAILER = 4096  # some programs append a few bytes behind a JPEG's end


def find_damage(content: bytes) -> str | None:
    """What is wrong with a file's bytes; None where nothing is, or its format is not known here."""
    if not content:
        return 'the file is empty'
    if content.startswith(PNG_START):
        return _find_png_damage(content)
    if content.startswith(JPEG_START) and JPEG_END not in content[-TRAILER:]:
        return f'the JPEG has no end ({len(content):,} bytes)'
    return None


def _find_png_damage(content: bytes) -> str | None:
    """Walk the chunks: length, name, data, checksum."""
    at = len(PNG_START)
    while at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], 'big')
        if end > len(content):
            break
        if zlib.crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], 'big'):
            return f'a checksum of the PNG is wrong at byte {at:,}'
        if content[at + 4 : at + 8] == b'IEND':
            return None
        at = end
    return f'the PNG ends within its data ({len(content):,} bytes)'
