"""Look-alikes: characters that pass for a Latin letter, a digit or a separator.

On top of what passes for a letter by Unicode's ``confusables.txt`` (UTS 39); digits of other
scripts are those that they stand for, whatever they look like. Added are letters that resemble
others less, with strokes and hooks, and punctuation. Where a capital and its small letter resemble
different letters (Greek nu: N, v), each has its own place.
"""

from __future__ import annotations

from agentgate_proto.text.look_alikes import LOOKS

# Written as numbers, because a table of look-alikes cannot be proofread.
SAME_SHAPE = {
    "a": "0251 0391 03b1 0410 0430 13aa 1d00 237a ab7a",
    "b": "0180 0184 0185 0253 0299 0392 03b2 0412 042c 0432 044c 13cf 13f4 15af",
    "c": "0188 03c2 0421 0441 13df 1d04 abaf",
    "d": "0111 0256 0257 0500 0501 13a0 1d05 ab70",
    "e": "0259 025b 0395 03b5 0404 0415 0435 0454 04bd 13ac 1d07 ab7c",
    "f": "0192 03dc 0492 0493 0584 a730",
    "g": "01e5 0260 0261 0262 050c 050d 0581 13c0 1d83",
    "h": "0127 029c 0397 040b 041d 043d 045b 04ba 04bb 0570 13bb",
    "i": "0131 0268 0269 026a 0399 03b9 0406 0456 04c0 04cf 13a5 a647",
    "j": "029d 037f 03f3 0408 0458 0575 13ab 1d0a",
    "k": "0138 0199 039a 03ba 041a 043a 049a 049b 13e6 1d0b",
    "l": "0142 01c0 026b 026d 0285 029f 13de",
    "m": "0271 039c 041c 043c 13b7 1d0d",
    "n": "014b 019e 0272 0274 039d 03b7 041f 043f 0578 057c",
    "o": "00f8 0275 039f 03bf 03c3 041e 043e 0555 0585 13be 1d0f",
    "p": "01a5 03a1 03c1 03f8 0420 0440 13e2 1d18",
    "q": "02a0 051a 051b 0563 0566",
    "r": "024d 027c 027d 0280 0413 0433 13a1 13d2",
    "s": "01bd 0282 0405 0455 054f 13da a731",
    "t": "0167 01ab 01ad 03a4 03c4 0422 0442 13a2 1d1b",
    "u": "0265 028b 03bc 03c5 0446 054d 057d 1d1c",
    "v": "03bd 0474 0475 13d9 13e4 1d20",
    "w": "026f 03c9 0461 051c 051d 0561 13b3 1d21",
    "x": "00d7 03a7 03c7 0425 0445 166e",
    "y": "01b4 024f 028f 03a5 03b3 0423 0443 04ae 04af 10e7",
    "z": "01b6 0290 0396 03b6 13c3 1d22",
    "3": "021d 0292 0417 0437 04e1",
    "-": "2010 2012 2013 2014 2015 2043 2212 2796 30fc",
    ".": "00b7 2022 2027 2219 22c5 3002 a4ff",
    ",": "060c 066c 201a 2e41 3001",
    "/": "2044 2215 2571 27cb 29f8",
    ":": "02d0 0589 05c3 2236 a789",
    "_": "02cd",
    "'": "02b9 02bc 2018 2019 2032",
    '"': "201c 201d 201e 201f",
}
"""The code points, in hex, that stand for each character: Cyrillic, Greek, Armenian, Cherokee,
small capitals, letters with strokes and hooks, and punctuation."""

INVISIBLE = "115f 1160 2800 3164 ffa0"
"""Blanks that Unicode files under letters and symbols."""

ENCLOSED = ((0x1F150, 26), (0x1F170, 26), (0x1F1E6, 26))
"""Where runs of A to Z begin that have no compatibility mapping: circled, squared, flags."""


def make_table() -> dict[int, str]:
    """Make the table for :meth:`str.translate`."""
    table = {
        int(point, 16): target.lower()
        for target, points in LOOKS.items()
        for point in points.split()
        if target.isalnum() and not chr(int(point, 16)).isdecimal()
    }
    table |= {int(point, 16): "" for point in INVISIBLE.split()}
    for plain, points in SAME_SHAPE.items():
        table.update({int(point, 16): plain for point in points.split()})
    for first, count in ENCLOSED:
        table.update({first + n: chr(ord("a") + n) for n in range(count)})
    return table


CONFUSABLES = make_table()
"""Maps a look-alike's code point to what it passes for, or to nothing."""
