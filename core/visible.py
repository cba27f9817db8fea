"""Hostile text made plain to the eye: what cannot be seen gets a mark, what deceives a badge.

`segments` cuts a text into pieces that together are the whole text; nothing is lost. A channel
shows an ordinary piece as it is, a `hidden` piece as its mark *instead of* its characters, and a
`lookalike` piece as it is *with* its mark as a badge beside it.

Newline and tab are ordinary, or marked when `one_line` is asked for (titles, names, keys);
carriage return is always marked. Emoji keep their joiners and selectors, everything else that
Unicode lets disappear is marked, whoever uses it honestly.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["text", "hidden", "lookalike"]

#: Marks that one base character may carry; Vietnamese needs 2, pointed Hebrew 4.
MAX_COMBINING: Final = 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text. `mark` is None and `note` empty when there is nothing to say."""

    text: str
    mark: str | None = None
    note: str = ""
    kind: Kind = "text"


# (first, last, note), ascending: characters that are invisible, move others, or look like a space.
HIDDEN: Final[tuple[tuple[int, int, str], ...]] = (
    (0x0000, 0x001F, "control character"),
    (0x007F, 0x009F, "control character"),
    (0x00A0, 0x00A0, "no-break space"),
    (0x00AD, 0x00AD, "soft hyphen"),
    (0x034F, 0x034F, "invisible joiner"),
    (0x061C, 0x061C, "changes text direction"),
    (0x115F, 0x1160, "invisible filler"),
    (0x1680, 0x1680, "looks like a space"),
    (0x17B4, 0x17B5, "invisible vowel"),
    (0x180B, 0x180D, "variation selector"),
    (0x180E, 0x180E, "zero-width character"),
    (0x180F, 0x180F, "variation selector"),
    (0x2000, 0x200A, "looks like a space"),
    (0x200B, 0x200D, "zero-width character"),
    (0x200E, 0x200F, "changes text direction"),
    (0x2028, 0x2029, "line separator"),
    (0x202A, 0x202E, "changes text direction"),
    (0x202F, 0x202F, "looks like a space"),
    (0x205F, 0x205F, "looks like a space"),
    (0x2060, 0x2060, "zero-width character"),
    (0x2061, 0x2064, "invisible operator"),
    (0x2065, 0x2065, "invisible character"),
    (0x2066, 0x2069, "changes text direction"),
    (0x206A, 0x206F, "invisible format character"),
    (0x2800, 0x2800, "looks like a space"),
    (0x3000, 0x3000, "looks like a space"),
    (0x3164, 0x3164, "invisible filler"),
    (0xD800, 0xDFFF, "half of a surrogate pair"),
    (0xE000, 0xF8FF, "private character, looks different everywhere"),
    (0xFE00, 0xFE0F, "variation selector"),
    (0xFEFF, 0xFEFF, "zero-width character"),
    (0xFFA0, 0xFFA0, "invisible filler"),
    (0xFFF0, 0xFFFC, "invisible format character"),
    (0x1BCA0, 0x1BCA3, "invisible format character"),
    (0x1D173, 0x1D17A, "invisible format character"),
    (0xE0000, 0xE007F, "tag character"),
    (0xE0080, 0xE00FF, "invisible character"),
    (0xE0100, 0xE01EF, "variation selector"),
    (0xE01F0, 0xE0FFF, "invisible character"),
    (0xF0000, 0x10FFFF, "private character, looks different everywhere"),
)
_STARTS: Final = [first for first, _, _ in HIDDEN]

# Latin, usual punctuation, currency, kana, Han and Hangul syllables: none of them can hide, and
# none of them mixes with a script that looks alike. Most texts are read by this alone.
_HARMLESS: Final = (
    r"\x20-\x7e\xa1-\xac\xae-\u024f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"
    r"\u3001-\u3029\u3041-\u3096\u309b-\u30ff\u4e00-\u9fef\uac00-\ud7a3"
)
_PLAIN: Final = re.compile(rf"[\t\n{_HARMLESS}]*")
_PLAIN_LINE: Final = re.compile(rf"[{_HARMLESS}]*")
_LAYOUT: Final = re.compile(r"[\t\n]")
_WORD: Final = re.compile(r"[^\W_]+")

_ZWJ: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_TEXT_STYLE: Final = "\ufe0e"
_EMOJI_GLUE: Final = re.compile("[\u200d\ufe0e\ufe0f]")
_SKIN_TONES: Final = frozenset(map(chr, range(0x1F3FB, 0x1F400)))

# Letters of other scripts that pass for a Latin one in most typefaces.
_CYRILLIC_TWINS: Final = "АВСЕНІЈКМОРЅТХУҮԌԚԜаеорсухіјѕԁԛԝһӏү"
_GREEK_TWINS: Final = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοναιρυγκ"
_TWINS: Final = frozenset(_CYRILLIC_TWINS + _GREEK_TWINS)
_SCRIPTS: Final = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "COPTIC": "Coptic",
    "ARMENIAN": "Armenian",
    "CHEROKEE": "Cherokee",
    "LISU": "Lisu",
}
# Styled copies of ASCII letters and digits: fullwidth, mathematical, letterlike, Roman numerals.
_STYLED: Final = re.compile("[\u2100-\u2188\u24b6-\u24e9\uff10-\uff5a\U0001d400-\U0001d7ff]")


def segments(text: str, *, one_line: bool = False) -> list[Segment]:
    """Return the pieces of `text`, in order; their texts joined are `text`."""
    plain = _PLAIN_LINE if one_line else _PLAIN
    if plain.fullmatch(text):
        return [Segment(text)] if text else []
    pieces: list[Segment] = []
    sure = _sure_scripts(text)
    for start, end, hidden in _runs(text, one_line=one_line):
        piece = text[start:end]
        if hidden:
            pieces.append(_hidden_segment(piece))
        else:
            pieces.extend(_judged(piece, sure))
    return pieces


def marks(text: str, *, one_line: bool = False) -> list[Segment]:
    """Return only the marked pieces of `text`: empty when it hides nothing."""
    return [piece for piece in segments(text, one_line=one_line) if piece.mark is not None]


def plain(text: str, *, one_line: bool = False) -> str:
    """Return `text` for channels without markup: ⟦U+202E⟧ for the hidden, ⟦…⟧ after a look-alike."""
    return "".join(_plain_piece(piece) for piece in segments(text, one_line=one_line))


def _plain_piece(piece: Segment) -> str:
    if piece.mark is None:
        return piece.text
    return f"⟦{piece.mark}⟧" if piece.kind == "hidden" else f"{piece.text}⟦{piece.mark}⟧"


def _runs(text: str, *, one_line: bool) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, end, hidden): runs of visible text, of one repeated hidden character, of
    tag characters, and of combining marks beyond what a base may carry."""
    kinds = [_run_kind(char) for char in text]
    _excuse_layout(text, kinds, one_line=one_line)
    _excuse_emoji(text, kinds)
    _accuse_floods(text, kinds)
    cuts = [at + 1 for at, (left, right) in enumerate(pairwise(kinds)) if left != right]
    for start, end in pairwise([0, *cuts, len(text)]):
        yield start, end, kinds[start] != ""


def _run_kind(char: str) -> str:
    """Return "" for a visible character, else what hidden neighbours must share to be one run."""
    note = _hidden_note(char)
    if note == "":
        return ""
    return note if note == "tag character" else char


@lru_cache(maxsize=8192)
def _hidden_note(char: str) -> str:
    """Return why `char` does not show, or "" when it does."""
    code = ord(char)
    at = bisect_right(_STARTS, code) - 1
    _, last, note = HIDDEN[at]
    if code <= last:
        return note
    category = unicodedata.category(char)
    if category == "Cn":
        return "unknown character"
    return "format character" if category == "Cf" else ""


def _excuse_layout(text: str, kinds: list[str], *, one_line: bool) -> None:
    for layout in () if one_line else _LAYOUT.finditer(text):
        kinds[layout.start()] = ""


def _excuse_emoji(text: str, kinds: list[str]) -> None:
    """Let one selector after an emoji, and a joiner between two, do their work."""
    if _EMOJI_GLUE.search(text) is None:
        return
    for at in range(1, len(text)):
        before, char = text[at - 1], text[at]
        if kinds[at - 1] != "":
            continue
        if char in (_EMOJI_STYLE, _TEXT_STYLE):
            if _is_emoji(before) or (
                before in "0123456789#*" and text[at + 1 : at + 2] == "\u20e3"
            ):
                kinds[at] = ""
        elif char == _ZWJ:
            joins = _is_emoji(before) or before in _SKIN_TONES or before == _EMOJI_STYLE
            if joins and _is_emoji(text[at + 1 : at + 2]):
                kinds[at] = ""


def _is_emoji(char: str) -> bool:
    return char != "" and unicodedata.category(char) == "So"


def _accuse_floods(text: str, kinds: list[str]) -> None:
    """Hide combining marks beyond MAX_COMBINING on one base, and those that have no base."""
    carried = MAX_COMBINING  # nothing to stand on at the start of the text
    for at, char in enumerate(text):
        if char.isascii():
            carried = MAX_COMBINING if char < " " else 0
        elif kinds[at] == "" and unicodedata.category(char) in ("Mn", "Me"):
            carried += 1
            if carried > MAX_COMBINING:
                kinds[at] = "combining mark"
        elif kinds[at] == "":
            carried = 0
        elif kinds[at] != "combining mark":
            carried = MAX_COMBINING


def _hidden_segment(piece: str) -> Segment:
    first = piece[0]
    mark = f"U+{ord(first):04X}"
    note = _hidden_note(first) or "combining mark without room on its base"
    name = unicodedata.name(first, "").lower()
    if name:
        note = f"{note}: {name}"
    if _hidden_note(first) == "tag character":
        spelt = "".join(
            chr(ord(char) - 0xE0000) for char in piece if 0xE0020 <= ord(char) < 0xE007F
        )
        note = f"hidden text in tag characters: “{spelt}”"
    if len(piece) > 1:
        mark = f"{mark} \u00d7{len(piece)}"
    return Segment(piece, mark, note, "hidden")


def _sure_scripts(text: str) -> frozenset[str]:
    """Return the scripts that `text` really uses: of letters that no Latin letter resembles."""
    letters = {char for char in text if not char.isascii() and char not in _TWINS}
    return frozenset(filter(None, map(_script, letters)))


def _judged(piece: str, sure: frozenset[str]) -> Iterator[Segment]:
    """Cut visible text into segments, giving deceptive words one of their own."""
    if piece.isascii():
        yield Segment(piece)
        return
    done = 0
    for word in _WORD.finditer(piece):
        if word[0].isascii() or not (note := _lookalike_note(word[0], sure)):
            continue
        if word.start() > done:
            yield Segment(piece[done : word.start()])
        yield Segment(word[0], "look-alike", note, "lookalike")
        done = word.end()
    if done < len(piece):
        yield Segment(piece[done:])


def _lookalike_note(word: str, sure: frozenset[str]) -> str:
    """Return what is deceptive about one word, or ""."""
    if any(unicodedata.normalize("NFKC", char).isascii() for char in _STYLED.findall(word)):
        return f"not plain letters, but look like “{unicodedata.normalize('NFKC', word)[:60]}”"
    scripts = {script for script in map(_script, word) if script}
    if len(scripts) > 1:
        strangers = sorted({char for char in word if _script(char) not in ("", "Latin")})
        if "Latin" not in scripts:
            return f"one word of {' and '.join(sorted(scripts))} letters"
        shown = ", ".join(f"“{c}” {_script(c)} U+{ord(c):04X}" for c in strangers[:5])
        return f"letters of several scripts in one word: {shown}"
    # A word that consists of look-alikes alone is honest where its script is really written.
    letters = [char for char in word if char.isalpha()]
    if letters and all(char in _TWINS for char in letters) and not scripts <= sure:
        return f"every letter is {scripts.pop()}, and looks like a Latin one"
    return ""


@lru_cache(maxsize=8192)
def _script(char: str) -> str:
    """Return the script of a letter when it is one of those that pass for each other, else ""."""
    if not char.isalpha():
        return ""
    return _SCRIPTS.get(unicodedata.name(char, "").partition(" ")[0], "")
