"""Learns how English letters are spoken from the dictionary in the pocketsphinx wheel, for words that are not in it.

    python tools/letter_rules.py            what share of the sounds of words that were held out comes out wrong
    python tools/letter_rules.py --write    learn from the whole dictionary and write the rules that are shipped

Letters and sounds of each word are aligned by expectation maximisation with hard counts, each letter standing for no,
one or two sounds. A rule says what the middle letter of a context stands for; contexts grow by a letter on the right
and the left in turn, and one is kept only where it says something else than the next shorter one.
"""

import lzma
import math
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from itertools import takewhile
from pathlib import Path

from earwitness.parts.pronounce import LONGEST, RULES, Rules, Speller, context

TARGET = Path(__file__).resolve().parent.parent / "src" / "earwitness" / "parts" / "data" / RULES
ROUNDS = 6
LEAST = 1
"""Times that a context must be seen to make a rule."""

Entry = tuple[str, tuple[str, ...]]
Steps = list[tuple[str, ...]]


def entries() -> list[Entry]:
    """Words of letters alone with one of their pronunciations each, all of them in turn."""
    text = resources.files("pocketsphinx").joinpath("model", "en-us", "cmudict-en-us.dict").read_text()
    found = []
    for line in text.splitlines():
        word, *phones = line.split()
        word = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch(r"[a-z]+('[a-z]+)?", word) and len(word) > 1 and len(phones) <= 2 * len(word):
            found.append((word, tuple(phones)))
    return found


def aligned(words: Sequence[Entry]) -> list[tuple[str, Steps]]:
    """Each word with what each of its letters stands for."""
    costs: dict[tuple[str, tuple[str, ...]], float] = {}
    steps: list[tuple[str, Steps]] = []
    for _ in range(ROUNDS):
        steps = [(word, path) for word, phones in words if (path := _best(word, phones, costs)) is not None]
        seen = Counter((letter, chunk) for word, path in steps for letter, chunk in zip(word, path, strict=True))
        total = Counter[str]()
        for (letter, _), n in seen.items():
            total[letter] += n
        costs = {key: -math.log(n / total[key[0]]) for key, n in seen.items()}
        print(f"  cost of the alignments: {sum(costs[k] * n for k, n in seen.items()) / len(steps):.2f} a word")
    return steps


def _best(word: str, phones: tuple[str, ...], costs: Mapping[tuple[str, tuple[str, ...]], float]) -> Steps | None:
    """The cheapest way to share the sounds among the letters in order."""
    n, m = len(word), len(phones)
    table: list[list[tuple[float, int]]] = [[(math.inf, 0)] * (m + 1) for _ in range(n + 1)]
    table[0][0] = (0.0, 0)
    for i, letter in enumerate(word):
        for j in range(m + 1):
            cost = table[i][j][0]
            if cost == math.inf:
                continue
            for size in range(min(2, m - j) + 1):
                chunk = phones[j : j + size]
                step = costs.get((letter, chunk), 12.0) if costs else _first(letter, chunk)
                if cost + step < table[i + 1][j + size][0]:
                    table[i + 1][j + size] = (cost + step, size)
    if table[n][m][0] == math.inf:
        return None
    path, j = Steps(), m
    for i in range(n, 0, -1):
        size = table[i][j][1]
        path.append(phones[j - size : j])
        j -= size
    return path[::-1]


def _first(letter: str, chunk: tuple[str, ...]) -> float:
    """A guess to begin with: a letter stands for one sound, and vowels for vowels."""
    if len(chunk) != 1:
        return 2.5 + len(chunk)
    vowel = chunk[0][0] in "AEIOU"
    return 0.5 if vowel == (letter in "aeiouy") else 3.0


def learned(steps: Iterable[tuple[str, Steps]]) -> dict[str, str]:
    """The rules by context: the sounds that its middle letter stands for, joined by blanks."""
    seen: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(LONGEST + 1)]
    for word, path in steps:
        for i, chunk in enumerate(path):
            for size in range(1, LONGEST + 1):
                seen[size][context(word, i, size)][" ".join(chunk)] += 1
    rules: dict[str, str] = {}
    for size in range(1, LONGEST + 1):
        for text, counts in seen[size].items():
            (said, times), *_ = counts.most_common(1)
            if size == 1 or (times >= LEAST and _said(rules, text, size) not in {said, None}):
                rules[text] = said
    return rules


def _said(rules: Mapping[str, str], text: str, size: int) -> str | None:
    """What the next shorter rule says about a context."""
    for shorter in range(size - 1, 0, -1):
        text = text[:-1] if (shorter + 1) % 2 == 0 else text[1:]
        if text in rules:
            return rules[text]
    return None


def packed(rules: Mapping[str, str]) -> bytes:
    """The rules as compressed lines: characters shared with the line before, the rest, and the number of the sounds."""
    chunks = sorted(set(rules.values()))
    lines, before = [";".join(chunks)], ""
    for text in sorted(rules):
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, text, strict=False)))
        lines.append(f"{same}{text[same:]}\t{chunks.index(rules[text])}")
        before = text
    return lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME)


def error_rate(
    say: Callable[[str], tuple[str, ...]], words: Mapping[str, list[tuple[str, ...]]]
) -> tuple[float, float]:
    """Wrong sounds over sounds, and words with any wrong sound, each against the nearest listed pronunciation."""
    wrong = sounds = words_wrong = 0
    for word, listed in words.items():
        said = say(word)
        distance, length = min((_distance(said, p), len(p)) for p in listed)
        wrong, sounds, words_wrong = wrong + distance, sounds + length, words_wrong + bool(distance)
    return wrong / sounds, words_wrong / len(words)


def _distance(a: Sequence[str], b: Sequence[str]) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, old = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(row[-1] + 1, old[j] + 1, old[j - 1] + (x != y)))
    return row[-1]


def main() -> None:
    """Measure, or learn and write."""
    every = entries()
    if "--write" in sys.argv[1:]:
        made = packed(learned(aligned(every)))
        TARGET.write_bytes(made)
        print(f"{TARGET.name}: {len(made) / 1e3:.0f} kB")
        return
    kept = [e for e in every if zlib.crc32(e[0].encode()) % 20]
    held: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for word, phones in every:
        if not zlib.crc32(word.encode()) % 20:
            held[word].append(phones)
    rules = learned(aligned(kept))
    print(f"{len(rules)} rules, {len(packed(rules)) / 1e3:.0f} kB")
    listed, plain = {word: " ".join(phones) for word, phones in reversed(kept)}, Rules(rules)
    for name, say in (("rules", plain.say), ("forms and rules", lambda w: Speller(plain).say(w, listed.get))):
        sounds, words = error_rate(say, held)
        print(f"{name}: of {len(held)} words held out {100 * words:.1f} % wrong, {100 * sounds:.1f} % of the sounds")


if __name__ == "__main__":
    main()
