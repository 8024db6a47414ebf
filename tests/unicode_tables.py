"""Makes the tables of what a reader sees from Unicode's own data, of one version.

``python -m tests.unicode_tables --ucd FOLDER`` writes ``character_runs`` and ``look_alikes`` of
``agentgate_proto/text`` anew. The folder holds the files in ``FILES``, from
``unicode.org/Public/17.0.0/`` (``ucd``, ``ucd/emoji``, ``ucd/extracted``, ``emoji`` and
``security``). They are not kept here; a test compares where ``UNICODE_DATA`` names such a folder.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from textwrap import wrap

VERSION = "17.0.0"
FILES = (
    *("UnicodeData.txt", "Scripts.txt", "ScriptExtensions.txt", "DerivedCoreProperties.txt"),
    *("PropList.txt", "PropertyValueAliases.txt", "DerivedBidiClass.txt", "emoji-data.txt"),
    *("emoji-zwj-sequences.txt", "confusables.txt", "IdentifierStatus.txt", "ArabicShaping.txt"),
)
FOLDER = Path(__file__).parent.parent / "src" / "agentgate_proto" / "text"
LAST = 0x10FFFF

LICENCE = """
Data files © 2025 Unicode®, Inc., under the Unicode License v3: "Permission is hereby granted, free
of charge, to any person obtaining a copy of data files and any associated documentation … to deal
in the Data Files … without restriction", https://www.unicode.org/license.txt."""

BLANK = {0x2800, 0xFFFC, 0x13441, 0x13442, 0x1D159}
"""Shown as nothing, though no property says so: Braille and hieroglyphic blanks, the place of an
object, a note without a head. The fillers are default-ignorable."""

KEYCAP = 0x20E3
CJK = frozenset({"Hani", "Hira", "Kana", "Bopo", "Hang"})
"""Scripts that one text mixes; one for our purpose."""

ALPHABETS = frozenset({"Latn", "Grek", "Cyrl"})
"""Scripts that need no marks beside those that are used all over Unicode's own compositions."""

RTL = frozenset({"R", "AL"})
USUAL = (range(0xA0, 0x100), range(0x2010, 0x2027), range(0x2030, 0x203B), range(0x2212, 0x2213))
"""Punctuation of daily use that has a look-alike in ASCII: dashes, quotes, minus and times."""

USUAL_WIDE = (range(0x3000, 0x3040), range(0xFF00, 0xFFF0), range(0xFE30, 0xFE50))
"""The same in Chinese, Japanese and Korean."""


class Data:
    """What the files say of each character that we ask about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.category = dict.fromkeys(range(LAST + 1), "Cn")
        self.mapping: dict[int, list[str]] = {}
        self.combining: dict[int, int] = {}
        first = 0
        for point, name, category, combining, _, mapping, *_ in self.rows("UnicodeData.txt"):
            code = int(point, 16)
            first = first if name.endswith(", Last>") else code
            for each in range(first, code + 1):
                self.category[each] = category
            self.combining[code] = int(combining)
            self.mapping[code] = mapping.split()
        names = {}
        for kind, short, *longer in self.rows("PropertyValueAliases.txt"):
            if kind == "sc":
                names[longer[0]] = short
        self.script = {
            code: names[name] for name, codes in self.values("Scripts.txt") for code in codes
        }
        self.extensions = {
            code: frozenset(name.split())
            for name, codes in self.values("ScriptExtensions.txt")
            for code in codes
        }
        self.bidi = {
            code: name for name, codes in self.values("DerivedBidiClass.txt") for code in codes
        }
        core, prop = "DerivedCoreProperties.txt", "PropList.txt"
        self.ignorable = self.having(core, "Default_Ignorable_Code_Point")
        self.soft_dotted = self.having(prop, "Soft_Dotted")
        self.variation = self.having(prop, "Variation_Selector")
        self.emoji = self.having("emoji-data.txt", "Emoji")
        self.pictures = self.having("emoji-data.txt", "Emoji_Presentation")
        self.allowed = self.having("IdentifierStatus.txt", "Allowed")
        self.looks = {
            int(point, 16): "".join(chr(int(each, 16)) for each in target.split())
            for point, target, *_ in self.rows("confusables.txt")
        }
        self.joining = {int(row[0], 16): row[2] for row in self.rows("ArabicShaping.txt")}
        seconds = [
            each[1] for each in self.mapping.values() if len(each) == 2 and each[0][0] != "<"
        ]
        self.composing = {int(each, 16) for each in seconds}

    def rows(self, name: str) -> Iterator[list[str]]:
        """The fields of each line that has some."""
        for line in (self.folder / name).read_text("utf-8-sig").splitlines():
            fields = line.partition("#")[0].strip()
            if fields:
                yield [each.strip() for each in fields.split(";")]

    def values(self, name: str) -> Iterator[tuple[str, range]]:
        """A property's value, and the characters that have it."""
        for points, value, *_ in self.rows(name):
            first, _, last = points.partition("..")
            yield value, range(int(first, 16), int(last or first, 16) + 1)

    def having(self, name: str, value: str) -> set[int]:
        """The characters that have a property."""
        return {code for each, codes in self.values(name) if each == value for code in codes}

    def scripts(self, code: int) -> frozenset[str]:
        """The scripts that a character is used in; Zyyy: all of them."""
        own = self.script.get(code, "Zzzz")
        found = self.extensions.get(code, frozenset({own}))
        return frozenset("Cjk" if each in CJK else each for each in found)

    def one_script(self, code: int) -> str:
        """The script that a letter is counted for."""
        own, found = self.script.get(code, "Zzzz"), self.scripts(code)
        if own not in {"Zyyy", "Zinh"}:
            return "Cjk" if own in CJK else own
        if "Arab" in found:
            return "Arab"
        return min(found) if len(found) == 1 else "Zyyy"

    def kind(self, code: int) -> str:
        """What a character is to a reader: one of the kinds of ``characters``."""
        category = self.category[code]
        if code == KEYCAP:
            return "keycap"
        if (
            category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
            or (category == "Zs" and code != 0x20)
            or code in self.ignorable | self.variation | BLANK
        ):
            return "hidden"
        if code < 0x80:
            return "ascii"
        if category[0] == "M":
            return self.mark_kind(code, category)
        if code in self.pictures:
            return "picture"
        if self.passes_alone(code, category):
            return "alike"
        if code in self.emoji:
            return "emoji"
        return self.letter_kind(code, category)

    def mark_kind(self, code: int, category: str) -> str:
        """What a mark may stand on: letters of some scripts, or of all alphabets; or of none."""
        if category == "Me" or self.combining.get(code) == 1:
            return "alike"
        accent = self.script.get(code) == "Zinh" and code in self.composing
        if accent and self.scripts(code) & (ALPHABETS | {"Zinh"}):
            return "mark"
        fit = sorted(self.scripts(code) - ALPHABETS - {"Zinh", "Zyyy"})
        return f"mark {' '.join(fit)}" if fit else "alike"

    def passes_alone(self, code: int, category: str) -> bool:
        """Whether a character passes for ASCII, and is of no script in which it is at home."""
        scripts = self.scripts(code)
        target = self.looks.get(code, "")
        mapping = self.mapping.get(code) or [""]
        if not scripts <= {"Zyyy", "Zinh", "Latn"} and mapping[0] != "<font>":
            return False
        if any(code in each for each in USUAL_WIDE):
            return False
        if category[0] == "L" or category in {"Nd", "Nl"}:
            if mapping[0] == "<font>":
                return True
            return target.isascii() and target.isalnum() and code not in self.allowed
        if category[0] not in "PS" or any(code in each for each in USUAL):
            return False
        return len(target) == 1 and target.isascii() and (category != "So" or not target.isalnum())

    def letter_kind(self, code: int, category: str) -> str:
        """What is seen as itself: letters and digits of a script, and all else."""
        script = self.one_script(code)
        if 0xFF00 <= code < 0xFFF0 and script in {"Latn", "Zyyy"}:
            script = "Cjk"  # full width, which only there is in use
        if self.bidi.get(code) in RTL:
            return f"right {script if script != 'Zyyy' else 'Arab'}"
        known = script not in {"Zyyy", "Zinh"}
        if category == "Nd":
            return f"digit {script}" if known else "other"
        if category[0] == "L" or category == "Nl":
            if not known:
                return "word"
            return "latin" if script == "Latn" else f"letter {script}"
        own = known and self.script.get(code) not in {"Zyyy", "Zinh", "Latn"}
        if own and category[0] in "PS" and len(self.look(code)) == 1:
            return f"letter {script}"
        return "other"

    def look(self, code: int) -> str:
        """What a character passes for in ASCII, or ""."""
        target = self.looks.get(code, "")
        return target if target.isascii() else ""

    def joins(self) -> dict[int, set[int]]:
        """Which emoji follow which, joined to one picture."""
        joined: dict[int, set[int]] = defaultdict(set)
        for points, *_ in self.rows("emoji-zwj-sequences.txt"):
            sequence = [int(each, 16) for each in points.split()]
            bases = [each for each in sequence if each != 0xFE0F and not 0x1F3FB <= each <= 0x1F3FF]
            for one, joiner, other in zip(bases, bases[1:], bases[2:], strict=False):
                if joiner == 0x200D:
                    joined[one].add(other)
        return joined


def written(name: str, text: str, doc: str) -> str:
    """A constant of the module: words in lines."""
    lines = "\n".join(wrap(text, 96, break_long_words=False, break_on_hyphens=False))
    return f'{name} = """\n{lines}\n"""\n"""{doc}"""\n'


def module(title: str, body: str) -> str:
    """A module of tables, with the digest of what is in it."""
    digest = sha256(body.encode()).hexdigest()
    return (
        f'"""{title}\n\nMade by ``python -m tests.unicode_tables`` from the data of Unicode'
        f" {VERSION}, never by hand.\n{LICENCE}\n\nSHA-256 of what follows:"
        f'\n{digest}\n"""\n\n{body}'
    )


def character_runs(data: Data) -> str:
    """All characters, in runs of one kind."""
    kinds = [data.kind(code) for code in range(LAST + 1)]
    runs = [(kind, len(list(codes))) for kind, codes in groupby(kinds)]
    count = Counter(kind for kind, _ in runs)
    names = sorted(count, key=lambda kind: (-count[kind], kind))
    number = {name: at for at, name in enumerate(names)}
    joins: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for before, after in sorted(data.joins().items()):
        joins[tuple(sorted(after))].append(before)
    lines = [
        " ".join(f"{code:x}" for code in before) + " > " + " ".join(f"{code:x}" for code in after)
        for after, before in joins.items()
    ]
    body = "from __future__ import annotations\n\n"
    body += f'UNICODE = "{VERSION}"\n\n'
    body += written("KINDS", ", ".join(names), "Kinds, by number; see :mod:`.characters`.") + "\n"
    body += written(
        "RUNS",
        " ".join(
            f"{length}" if not number[kind] else f"{length}:{number[kind]}" for kind, length in runs
        ),
        "How many characters in a row are of which kind, from 0; without a number: of the first.",
    )
    soft = " ".join(f"{code:x}" for code in sorted(data.soft_dotted))
    body += "\n" + written("SOFT_DOTTED", soft, "Letters on which a dot above is not seen, in hex.")
    both = " ".join(f"{code:x}" for code, kind in data.joining.items() if kind == "D")
    body += "\n" + written("JOINING", both, "Letters that join those on both sides, in hex.")
    ends = " ".join(f"{code:x}" for code, kind in data.joining.items() if kind == "R")
    body += "\n" + written("JOINING_BEFORE", ends, "Those that join the one before, in hex.")
    pairs = written("JOINS", ", ".join(lines), "Which emoji are joined to which, in hex.")
    return module("What each character is to a reader.", f"{body}\n{pairs}")


def look_alikes(data: Data) -> str:
    """What passes for ASCII, but for what compatibility forms say already."""
    alike: dict[str, list[int]] = defaultdict(list)
    for code, target in sorted(data.looks.items()):
        mapping = data.mapping.get(code) or [""]
        plain = target.isascii() and (len(target) == 1 or target == "rn") and target != " "
        own = mapping[0] not in {"<font>", "<circle>", "<compat>"}
        if code >= 0x80 and plain and own and data.category[code][0] in "LNPS":
            alike[target].append(code)
    lines = []
    for target, codes in sorted(alike.items()):
        rows = wrap(" ".join(f"{code:x}" for code in codes), 86)
        text = f'"{rows[0]}"'
        if len(rows) > 1:
            text = "".join(f'\n        "{row} "' for row in rows[:-1])
            text = f'({text}\n        "{rows[-1]}"\n    )'
        lines.append(f"    {quoted(target)}: {text},\n")
    body = "from __future__ import annotations\n\n"
    body += "LOOKS = {\n" + "".join(lines) + "}\n"
    body += '"""What passes for what, in hex: the prototypes of ``confusables.txt`` (UTS 39)."""\n'
    return module("Look-alikes of ASCII.", body)


def quoted(text: str) -> str:
    """A text as ruff writes it."""
    return "'\"'" if text == '"' else '"\\\\"' if text == "\\" else f'"{text}"'


MADE = {"character_runs.py": character_runs, "look_alikes.py": look_alikes}


def main() -> None:
    """Write the tables anew."""
    parser = argparse.ArgumentParser(description="Make the tables of what a reader sees.")
    parser.add_argument("--ucd", type=Path, required=True, help="folder of Unicode's data files")
    folder = parser.parse_args().ucd
    if missing := [each for each in FILES if not (folder / each).is_file()]:
        sys.exit(f"{folder} lacks {', '.join(missing)}")
    data = Data(folder)
    for name, make in MADE.items():
        (FOLDER / name).write_text(make(data), "utf-8")


if __name__ == "__main__":
    main()
