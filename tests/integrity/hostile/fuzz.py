"""Files and names made at random from a number, so that a number is enough to make them again."""

from __future__ import annotations

import random

from tests.integrity.hostile.files import footer_of
from tests.integrity.hostile.names import NAMES

_POINTED = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff\x07",
    b"\xff" * 9 + b"\x01",
    b"PAR1",
    b"\x19\xfc",
    b"\x1c",
]
"""Bytes that lengths, counts and ends are made of."""


def changed(content: bytes, seed: int) -> bytes:
    """``content`` with one to eight places overwritten, cut out or doubled; half of them in the footer."""
    draw = random.Random(seed)
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        first = footer_of(content)[0] if draw.random() < 0.5 else 4
        place = draw.randrange(min(first, len(changed) - 1), len(changed))
        length = draw.choice([1, 1, 1, 2, 4, 16, 256])
        piece = draw.choice([*_POINTED, draw.randbytes(length), bytes([changed[place] ^ 1 << draw.randrange(8)])])
        how = draw.random()
        if how < 0.7:
            changed[place : place + len(piece)] = piece
        elif how < 0.85:
            del changed[place : place + length]
        else:
            changed[place:place] = changed[place : place + length]
    return bytes(changed)


def name(seed: int) -> str:
    """Pieces of hostile names and characters from all of Unicode, joined."""
    draw = random.Random(seed)
    pieces = [
        draw.choice(NAMES)[:20] if draw.random() < 0.5 else chr(draw.randrange(draw.choice([0x80, 0x3000, 0x110000])))
        for _ in range(draw.randint(1, 5))
    ]
    return "".join(pieces)
