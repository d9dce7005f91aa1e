"""How English words are spoken that no dictionary lists: from the word they come of, or by rules.

The rules are made by `tools/letter_rules.py`. Sounds are the 39 of the CMU dictionary, without stress. How often they
are wrong stands in `docs/words.md`. Knows nothing of sound or times.
"""

import lzma
from collections.abc import Callable, Mapping
from importlib import resources

RULES = "letter_rules.xz"
ENDINGS = {"ly": "L IY", "ness": "N AH S", "less": "L AH S", "ful": "F AH L", "ing": "IH NG", "ment": "M AH N T",
           "ship": "SH IH P", "able": "AH B AH L", "er": "ER", "ish": "IH SH", "like": "L AY K", "ward": "W ER D",
           "wards": "W ER D Z"}  # fmt: skip
HISSING, VOICELESS = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"}), frozenset({"P", "T", "K", "F", "TH"})
LEAST_PART = 3
"""Letters of the word before an ending."""

Lookup = Callable[[str], str | None]

LONGEST = 9
"""Letters of the longest context of a rule."""


def context(word: str, at: int, size: int) -> str:
    """`size` letters around the letter at `at`, as many on the left as on the right, or one fewer; `#` is beyond."""
    left, right = (size - 1) // 2, size // 2
    padded = "#" * LONGEST + word + "#" * LONGEST
    middle = at + LONGEST
    return padded[middle - left : middle + right + 1]


class Rules:
    """The loaded rules: what a letter stands for, by its context."""

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = rules

    @classmethod
    def load(cls) -> "Rules":
        """The rules that are shipped."""
        raw = resources.files("earwitness.parts").joinpath("data", RULES).read_bytes()
        head, *lines = lzma.decompress(raw).decode().split("\n")
        chunks, rules, text = head.split(";"), dict[str, str](), ""
        for line in lines:
            grown, chunk = line.split("\t")
            text = text[: int(grown[0])] + grown[1:]
            rules[text] = chunks[int(chunk)]
        return cls(rules)

    def say(self, word: str) -> tuple[str, ...]:
        """The sounds of a word; empty where it has no letter from a to z."""
        found = list[str]()
        for at in range(len(word)):
            found += self._chunk(word, at).split()
        return tuple(found)

    def _chunk(self, word: str, at: int) -> str:
        for size in range(LONGEST, 0, -1):
            chunk = self._rules.get(context(word, at, size))
            if chunk is not None:
                return chunk
        return ""


class Speller:
    """The sounds of words that a dictionary does not list: from the listed word they come of, else by rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def say(self, word: str, lookup: Lookup) -> tuple[str, ...]:
        """The sounds of a word of letters and apostrophes, at least one; `lookup` gives those of listed words."""
        return self._inflected(word, lookup) or self._plain(word)

    def _inflected(self, word: str, lookup: Lookup) -> tuple[str, ...]:
        """A possessive, a plural, a past or another form of a word, whether that is listed or not."""
        for ending in ("'s", "s'"):
            if word.endswith(ending) and len(word) > len(ending):
                owner = self._listed_or_plain(word.removesuffix(ending), lookup)
                return (*owner, *_s_after(owner[-1]))
        for ending in ("s", "ed", "d"):
            stem = word.removesuffix(ending)
            listed = lookup(stem) if stem != word and len(stem) >= LEAST_PART and not stem.endswith("s") else None
            if listed and (ending != "d" or stem.endswith("e")):
                sounds = tuple(listed.split())
                return (*sounds, *(_s_after(sounds[-1]) if ending == "s" else _d_after(sounds[-1])))
        for ending, said in ENDINGS.items():
            stem = word.removesuffix(ending)
            listed = lookup(stem) if stem != word and len(stem) >= LEAST_PART else None
            if listed:
                return (*listed.split(), *said.split())
        return ()

    def _listed_or_plain(self, word: str, lookup: Lookup) -> tuple[str, ...]:
        listed = lookup(word)
        return tuple(listed.split()) if listed else self._plain(word)

    def _plain(self, word: str) -> tuple[str, ...]:
        return self._rules.say(word.replace("'", "")) or ("AH",)


def _s_after(sound: str) -> tuple[str, ...]:
    if sound in HISSING:
        return ("AH", "Z")
    return ("S",) if sound in VOICELESS else ("Z",)


def _d_after(sound: str) -> tuple[str, ...]:
    if sound in {"T", "D"}:
        return ("AH", "D")
    return ("T",) if sound in VOICELESS | {"S", "SH", "CH"} else ("D",)
