"""English numbers as they are said: cardinals, ordinals, years, times, digits one by one. Pure functions over text.

Each gives lower-case words in order; hyphens are blanks. What a number means (a year, a price) is decided by `spoken`.
"""

from collections.abc import Iterable

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SCALES = ("thousand", "million", "billion", "trillion")
IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth"}  # fmt: skip
PARTS = {2: "half", 4: "quarter"}
LONGEST = 12
"""A number with more digits than this is said digit by digit."""

Said = tuple[str, ...]


def cardinal(digits: str) -> Said:
    """`"1250"` is one thousand two hundred fifty; numbers with a leading zero or very long ones are said by digits."""
    if len(digits) > LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return singly(digits)
    return _whole(int(digits))


def singly(digits: Iterable[str]) -> Said:
    """Digit by digit, as telephone numbers are; a zero is `oh`."""
    return tuple("oh" if d == "0" else ONES[int(d)] for d in digits)


def decimal(digits: str) -> Said:
    """`"3.14"` is three point one four; no digit before the point is said as none."""
    whole, _, rest = digits.partition(".")
    after = ("point", *(ONES[int(d)] for d in rest)) if rest else ()
    return (*(cardinal(whole) if whole else ()), *after)


def ordinal(digits: str) -> Said:
    """`"21"` is twenty first."""
    *head, last = cardinal(digits)
    return (*head, _nth(last))


def year(digits: str) -> Said:
    """Four digits as a year: nineteen eighty four, nineteen oh five, two thousand five, twenty hundred never."""
    high, low = int(digits[:2]), int(digits[2:])
    if high % 10 == 0 and low < 10:
        return _whole(int(digits))
    if not low:
        return (*_whole(high), "hundred")
    return (*_whole(high), *(("oh",) if low < 10 else ()), *_whole(low))


def plural(said: Said) -> Said:
    """The last word in the plural: nineteen nineties, sevens."""
    last = said[-1]
    ending = f"{last[:-1]}ies" if last.endswith("y") else f"{last}es" if last.endswith("x") else f"{last}s"
    return (*said[:-1], ending)


def clock(hours: str, minutes: str) -> Said:
    """`10:30` is ten thirty, `10:05` ten oh five, `10:00` ten o'clock."""
    if int(minutes) == 0:
        return (*_whole(int(hours)), "o'clock")
    return (*_whole(int(hours)), *(("oh",) if int(minutes) < 10 else ()), *_whole(int(minutes)))


def fraction(above: str, below: str) -> Said:
    """`1/2` is one half, `3/4` three quarters, `2/5` two fifths."""
    part = (PARTS[int(below)],) if int(below) in PARTS else ordinal(below)
    if int(above) == 1:
        return ("one", *part)
    return (*cardinal(above), *(("halves",) if part == ("half",) else plural(part)))


def _whole(n: int) -> Said:
    if n < 20:
        return (ONES[n],)
    if n < 100:
        return (TENS[n // 10 - 2], *((ONES[n % 10],) if n % 10 else ()))
    if n < 1000:
        return (ONES[n // 100], "hundred", *(_whole(n % 100) if n % 100 else ()))
    scale = (len(str(n)) - 1) // 3
    high, low = divmod(n, 1000**scale)
    return (*_whole(high), SCALES[scale - 1], *(_whole(low) if low else ()))


def _nth(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    return f"{word[:-1]}ieth" if word.endswith("y") else f"{word}th"
