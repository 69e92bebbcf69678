"""What a JPEG or PNG says of itself: its size, and whether it is all there, before it is decoded.

libjpeg decodes what was cut short into grey without an error that OpenCV passes on, and a few bytes
can ask for gigabytes. Both are found here by reading markers, which takes microseconds.
"""
from __future__ import annotations

import struct
from dataclasses import dataclass

from smolvlm_ros.ros.encodings import ImageConversionError, check_size

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _DRI = 0xDA, 0xDD
_SEQUENTIAL = (0xC0, 0xC1)
_HUFFMAN = (*_SEQUENTIAL, 0xC2)
_SOF = (*_HUFFMAN, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_ALONE = (0x01, *range(0xD0, 0xD8))


@dataclass(frozen=True)
class Picture:
    """What the head of a compressed picture says.

    Attributes:
        codec: 'jpeg' or 'png'.
        width, height: pixels.
        bits: of one value, 8 or 16 (less for some PNGs).
        channels: 1, 2, 3 or 4; 3 for a PNG with a palette.
    """

    codec: str
    width: int
    height: int
    bits: int
    channels: int


def inspect(data: bytes) -> Picture:
    """Read the head of a JPEG or PNG, and check that its end is there.

    A JPEG must have its end marker after the scan, its restart markers where it says to have them,
    and a bit for each block. Bytes lost in the middle of one without restart markers cannot be told
    from a picture.

    Raises:
        ImageConversionError: for another format, an absurd size, or a picture that was cut short.
    """
    if data[:2] == _SOI:
        return _jpeg(data)
    if data[:8] == PNG_SIGNATURE:
        return _png(data)
    if not data:
        raise ImageConversionError("compressed image has no data; the driver sends empty messages")
    raise ImageConversionError(f"compressed image begins with the bytes {data[:8].hex()}, neither "
                               "JPEG nor PNG; set the transport's format to jpeg or png")


def _png(data: bytes) -> Picture:
    if len(data) < 29 or data[12:16] != b"IHDR":
        raise ImageConversionError(f"PNG of {len(data)} bytes has no header; it was cut short")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    check_size("PNG", width, height)
    if data.rfind(_PNG_END) < 0:
        raise ImageConversionError(f"PNG of {width}x{height} px ends after {len(data)} bytes "
                                   "without its end chunk; it was cut short")
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour)
    if channels is None:
        raise ImageConversionError(f"PNG has colour type {colour}, expected 0, 2, 3, 4 or 6; "
                                   "it is corrupt")
    return Picture("png", width, height, bits, channels)


def _jpeg(data: bytes) -> Picture:
    frame: tuple[int, int] | None = None
    restart = 0
    at = 2
    while at + 4 <= len(data):
        marker = data[at + 1]
        # Like libjpeg, step over what is no marker: some cameras write padding between segments.
        if data[at] != 0xFF or marker in (0x00, 0xFF):
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2:at + 4], "big")
        if at + 2 + length > len(data) or length < 2:
            break
        if marker in _SOF and length >= 8:
            frame = (marker, at + 4)
        elif marker == _DRI and length >= 4:
            restart = int.from_bytes(data[at + 4:at + 6], "big")
        elif marker == _SOS and frame is not None:
            return _scan(data, *frame, restart, at)
        at += 2 + length
    raise ImageConversionError(f"JPEG of {len(data)} bytes has no picture after its head; "
                               "it was cut short")


def _scan(data: bytes, marker: int, frame: int, restart: int, begin: int) -> Picture:
    """Check size and scan; `frame` is where the frame header's content begins, `begin` the scan."""
    bits, height, width, channels = struct.unpack_from(">BHHB", data, frame)
    check_size("JPEG", width, height)
    end = data.rfind(_EOI, begin)
    if end < 0:
        raise ImageConversionError(f"JPEG of {width}x{height} px ends after {len(data)} bytes "
                                   "without its end marker; it was cut short")
    # Huffman coding spends at least a bit on each block of 8x8 px. A size that was damaged on the
    # way asks for more, and libjpeg would spend a second on filling it with grey.
    if marker in _HUFFMAN and -(-width // 8) * -(-height // 8) > 8 * (end - begin):
        raise ImageConversionError(f"JPEG of {width}x{height} px has only {end - begin} bytes "
                                   "after its head; it is corrupt")
    table = data[frame + 6:frame + 6 + 3 * channels]
    # Only one scan that holds all channels has a known number of restart markers.
    if restart and marker in _SEQUENTIAL and data[begin + 4] == channels:
        across = max([sampling >> 4 for sampling in table[1::3]], default=1) or 1
        down = max([sampling & 15 for sampling in table[1::3]], default=1) or 1
        if channels == 1:
            across = down = 1
        blocks = -(-width // (8 * across)) * -(-height // (8 * down))
        expected = -(-blocks // restart) - 1
        found = sum(data.count(bytes((0xFF, 0xD0 + n)), begin, end) for n in range(8))
        if found < expected:
            raise ImageConversionError(f"JPEG of {width}x{height} px has {found} of {expected} "
                                       "restart markers; bytes were lost on the way")
    return Picture("jpeg", width, height, bits, channels)
