"""Text as search sees it: tokens, the same for what was said and for what is looked for.

Case, accents and other marks, full and half width, and scripts' own digits make no difference: `Café` is `cafe`,
`Straße` is `strasse`, an Arabic `٣` is `3`. Vowel signs of Indic and Thai script are letters and stay. Chinese
characters and kana are a token each, because nothing parts their words: several in a row are looked for as a phrase.

Apostrophes part (`l'eau` is `l eau`, `Anna's` is `anna s`, so that both `eau` and `Anna` are found), but for the one of
`don't`, which is `dont`. Hyphens part too. Thousands may be grouped: `1,000` is `1000`; `3.5` is the phrase `3 5`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 64
"""Characters of a token that count: longer ones are no words."""

MOST = 4096
"""Tokens of one text that can be found."""

MOST_ALIKE = 255
"""A text ends, for search, where a token comes once more than that: PostgreSQL keeps no more places of one."""

ALSO = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i"})
"""Letters that are typed as others where a keyboard lacks them, and that Unicode does not take apart."""

SINGLE = "々-〇ぁ-ゖゝ-ヿㇰ-ㇿ㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff"
"""Chinese characters and kana."""

GROUPED = r"(?<![^\W_])\d{1,3}(?:[.,']\d{3})+(?![^\W_])"
PATTERN = re.compile(rf"[{SINGLE}]|{GROUPED}|[^\s.,'{SINGLE}]+(?:'t(?![^\s.,'{SINGLE}]))?")

PARTS = re.compile(r"[.,']")
ASCII = re.compile(r"[\x00-\x7f]+(?![\u0300-\U0010ffff])")
"""A run of it, without a last character on which a mark may stand."""
PLAIN = {n: chr(n).lower() if chr(n).isalnum() or chr(n) in ".,'" else " " for n in range(128)}
PATTERN_ASCII = re.compile(rf"{GROUPED}|[a-z0-9]+(?:'t(?![a-z0-9]))?")
"""The same for text of nothing else, three times as fast."""

APOSTROPHES = "'’‘ʼ＇"
STRIPPED = ((0x300, 0x900), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE00, 0xFE30))
"""Blocks whose marks make no difference: accents, points, variations."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it stands in the text: `text[start:end]`, in characters."""

    text: str
    start: int
    end: int


def tokens(text: str) -> str:
    """The tokens of a text with single spaces between: what `segments.tokens` holds. It holds nothing but these."""
    if text.isascii():
        return " ".join(token for token, _ in _cut(text.translate(PLAIN)))
    return " ".join(token for token, _ in _cut(_folded(text)[0]))


def found(text: str) -> tuple[Token, ...]:
    """The tokens of a text and where they stand."""
    folded, at = (text.translate(PLAIN), None) if text.isascii() else _folded(text)
    if at is None:
        return tuple(Token(token, match.start(), match.end()) for token, match in _cut(folded))
    return tuple(Token(token, at[match.start()][0], at[match.end() - 1][1]) for token, match in _cut(folded))


def _cut(folded: str) -> Iterator[tuple[str, re.Match[str]]]:
    alike, short = Counter[str](), len(folded) <= MOST_ALIKE
    for number, match in enumerate((PATTERN_ASCII if folded.isascii() else PATTERN).finditer(folded)):
        token = match[0]
        if not token.isalnum():
            token = PARTS.sub("", token)
        token = token[:LONGEST]
        if not short:
            alike[token] += 1
            if number == MOST or alike[token] > MOST_ALIKE:
                return
        yield token, match


def _folded(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with letters and digits folded, all else blank but `.,'`, and where each of its characters comes from.

    Marks are folded together with what they stand on, wherever Unicode could make one character of both.
    """
    folded, at, start = list[str](), list[tuple[int, int]](), 0
    while start < len(text):
        if match := ASCII.match(text, start):
            folded.append(match[0].translate(PLAIN))
            at += [(n, n + 1) for n in range(start, match.end())]
            start = match.end()
            continue
        end = start + 1
        while end < len(text) and text[end] > "\u02ff" and _leans(text[end]):
            end += 1
        piece = _fold(text[start:end])
        folded.append(piece)
        at += [(start, end)] * len(piece)
        start = end
    return "".join(folded), at


def _leans(char: str) -> bool:
    """Whether a character may become one with what stands before it."""
    return unicodedata.category(char)[0] == "M" or "\u1160" <= char <= "\u11ff" or char in "\uff9e\uff9f"


def _fold(piece: str) -> str:
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", piece).casefold())
    bare = "".join(c for c in unicodedata.normalize("NFD", composed) if not _stripped(c)).translate(ALSO)
    return "".join(_plain(c) for c in unicodedata.normalize("NFC", bare))


def _stripped(char: str) -> bool:
    """Whether a mark makes no difference. Of what is not seen at all, only the blank of no width parts words."""
    category = unicodedata.category(char)
    if category == "Cf":
        return char != "\u200b"
    return category == "Mn" and any(low <= ord(char) < high for low, high in STRIPPED)


def _plain(char: str) -> str:
    """A folded character as tokens have it, the same for ASCII as `PLAIN`."""
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    if char in APOSTROPHES:
        return "'"
    if char.isalnum() or char in ".," or (unicodedata.category(char)[0] == "M" and ord(char) >= 0x900):
        return char
    return " "
