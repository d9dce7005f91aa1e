"""How printed English words are said: numbers, symbols, prices, abbreviations and addresses in words of letters alone.

`spoken` keeps count: it gives for each printed word the pieces that are said for it, so that their times lead back to
the word. A word of another script, or of nothing that is said, has no pieces. Pure functions; nothing is looked up but
whether a dictionary lists a word.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from earwitness.parts import numbers
from earwitness.parts.numbers import Said

Known = Callable[[str], bool]

APOSTROPHES = str.maketrans("’‘ʼ`´＇′", "'''''''")
LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ı": "i"})
SYMBOLS = {"&": "and", "%": "percent", "@": "at", "+": "plus", "=": "equals", "°": "degrees", "#": "number",
           "№": "number", "×": "times", "÷": "divided by", "½": "half", "¼": "quarter", "¾": "three quarters",
           "§": "section", "*": "star", "~": "about", "±": "plus or minus"}  # fmt: skip
MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", ""), "₹": ("rupee", "")}
SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "tn": "trillion"}
MAGNITUDES = frozenset({"hundred", "thousand", "million", "billion", "trillion"})
UNITS = {"km": "kilometers", "cm": "centimeters", "mm": "millimeters", "m": "meters", "kg": "kilograms", "g": "grams",
         "mg": "milligrams", "ml": "milliliters", "l": "liters", "lb": "pounds", "lbs": "pounds", "oz": "ounces",
         "ft": "feet", "in": "inches", "mi": "miles", "mph": "miles per hour", "hz": "hertz", "khz": "kilohertz",
         "mhz": "megahertz", "ghz": "gigahertz", "kb": "kilobytes", "mb": "megabytes", "gb": "gigabytes",
         "tb": "terabytes", "ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours", "hr": "hours",
         "hrs": "hours", "kwh": "kilowatt hours", "kw": "kilowatts", "x": "times", "am": "a m", "pm": "p m",
         "c": "degrees celsius", "f": "degrees fahrenheit", "yo": "year old", "d": "d"}  # fmt: skip
ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "sen": "senator",
                 "gov": "governor", "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant",
                 "sgt": "sergeant", "rev": "reverend", "hon": "honorable", "jr": "junior", "sr": "senior",
                 "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department",
                 "inc": "incorporated", "ltd": "limited", "co": "company", "corp": "corporation", "ave": "avenue",
                 "blvd": "boulevard", "rd": "road", "mt": "mount", "ft": "fort", "jan": "january", "feb": "february",
                 "apr": "april", "aug": "august", "sept": "september", "sep": "september", "oct": "october",
                 "nov": "november", "dec": "december", "mon": "monday", "tue": "tuesday", "tues": "tuesday",
                 "wed": "wednesday", "thu": "thursday", "thurs": "thursday", "fri": "friday"}  # fmt: skip
"""Said for the word with a full stop behind it."""

TITLES = ("mr", "mrs", "ms", "dr", "vs", "etc", "jr", "sr", "prof", "ltd", "blvd", "mt")
"""Those that are said so without a full stop too."""

EDGES = "\"'“”‘’«»‹›„‚()[]{}<>,;:!?…–—-_·•¡¿|/\\^"
ADDRESS = re.compile(r"(?:[Hh]ttps?://\S+|[Ww]ww\.\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:[\w-]+\.)+[a-z]{2,6}(?:/\S*)?)")
MARKS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", ":": "colon"}
NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)")
PRICE = re.compile(r"([$£€¥₹])(\d[\d,]*)(?:\.(\d+))?(k|mn?|bn?|tn)?", re.IGNORECASE)
CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(am|pm)?", re.IGNORECASE)
DATE_YEAR = re.compile(r"(?:1[1-9]|20)\d\d")
TELEPHONE = re.compile(r"(?:\+?\d{1,3}[-.])?(?:\(?\d{3}\)?[-.])?\d{3}[-.]\d{4}")
MOST_DIGITS = 40
"""Of one run; what is longer is no number that anybody says."""


def spoken(words: Sequence[str], known: Known) -> tuple[Said, ...]:
    """The pieces said for each word, of letters from a to z and apostrophes; `known` says whether one is listed."""
    return tuple(
        _clean(_said(word, words[i + 1] if i + 1 < len(words) else "", words[i - 1] if i else "", known))
        for i, word in enumerate(words)
    )


def _said(word: str, after: str, before: str, known: Known) -> Said:
    plain = unicodedata.normalize("NFKC", re.sub(r"(?<=\d)(?=[¼-¾])", " and ", word).translate(APOSTROPHES))
    if not plain.isascii():
        plain = _ascii(plain)
    core = plain.lstrip(EDGES).rstrip(EDGES)
    if core[:1].isdigit() and re.search(r"(?<!\w)[-−]\d", plain.replace(core, core[0])):
        core = f"-{core}"
    stopped = core.endswith(".")
    core = core.rstrip(".")
    low = core.lower()
    if not core:
        return ()
    if low in ABBREVIATIONS and (stopped or low in TITLES):
        return tuple(ABBREVIATIONS[low].split())
    if low == "st" and stopped:
        return ("saint",) if after[:1].isupper() else ("street",)
    if low == "no" and stopped and after[:1].isdigit():
        return ("number",)
    if before[:1] in MONEY and low in MAGNITUDES and PRICE.fullmatch(before.rstrip(EDGES)):
        return (low, *_coins(before[0], 2))
    if re.fullmatch(r"(?:[a-z]\.)+[a-z]", low):
        return tuple(low.replace(".", ""))
    if not re.search(r"\d", core) and ADDRESS.fullmatch(core):
        return _address(core, known)
    return _mixed(core, after, known)


def _mixed(core: str, after: str, known: Known) -> Said:
    """A word that may hold digits and symbols, piece by piece."""
    found = list[str]()
    if ADDRESS.fullmatch(core) and not NUMBER.fullmatch(core):
        return _address(core, known)
    if price := PRICE.fullmatch(core):
        return _price(price, after)
    if time := CLOCK.fullmatch(core):
        return (*numbers.clock(time[1], time[2]), *((time[3].lower()[0], "m") if time[3] else ()))
    for part in re.split(r"[-–—/_,;:!?\"()\[\]{}|\\…]+(?!\d{3}(?:\D|$))|(?<=\D)[,]|[\s]+", _kept(core)):
        found += _run(part, known)
    return tuple(found)


def _kept(core: str) -> str:
    """The word with fractions and ranges put into words, and signs of money taken away."""
    core = re.sub(r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])", _fraction, core)
    if TELEPHONE.fullmatch(core):
        return " ".join(numbers.singly(re.sub(r"\D", "", core)))
    core = re.sub(r"(?<=\d)[-–—](?=[$£€]?\d{1,4}(?!\d|-))", " to ", core) if core.count("-") < 2 else core
    core = re.sub(r"(?<![\w)])[-−](?=\.?\d)", "minus ", core)
    return re.sub(r"(\d[\d,.]*)([$£€¥₹])", r"\2\1", core)


def _fraction(found: re.Match[str]) -> str:
    if not 0 < int(found[1]) < int(found[2]) < 100:
        return f"{found[1]} {found[2]}"
    return " ".join(numbers.fraction(found[1], found[2]))


def _run(part: str, known: Known) -> Said:
    """A part without hyphens: runs of digits, letters and symbols."""
    found = list[str]()
    tokens = re.findall(r"[$£€¥₹]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)|[^\W\d_]+(?:'[^\W\d_]+)*'?|\S", part)
    i = 0
    while i < len(tokens):
        token, follows = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        if token[-1].isdigit():
            said, used = _number(token, follows)
            found += said
            i += used
        elif token[0].isalpha():
            found += _letters(token, known)
        else:
            found += SYMBOLS.get(token, "").split()
        i += 1
    return tuple(found)


def _number(token: str, follows: str) -> tuple[Said, int]:
    """A number, and how many of what follows it took."""
    low = follows.lower().lstrip("'")
    coin = _coins(token[0], 2) if token[0] in MONEY else ()
    digits = token.lstrip("$£€¥₹").replace(",", "")
    if len(digits) > MOST_DIGITS or not digits.isascii():
        return (), 0
    if low in {"st", "nd", "rd", "th"} and digits.isdigit():
        return numbers.ordinal(digits), 1
    if low == "s" and digits.isdigit():
        said = numbers.year(digits) if DATE_YEAR.fullmatch(digits) else numbers.cardinal(digits)
        return numbers.plural(said), 1
    if "." in digits:
        said = numbers.decimal(digits)
    elif DATE_YEAR.fullmatch(token):
        said = numbers.year(digits)
    else:
        said = numbers.cardinal(digits)
    if follows and follows.isalpha() and low in UNITS:
        return (*said, *coin, *UNITS[low].split()), 1
    return (*said, *coin), 0


def _price(found: re.Match[str], after: str) -> Said:
    """`$1,250.50` is one thousand two hundred fifty dollars fifty cents; the coin comes after a magnitude."""
    sign, whole, rest, scale = found[1], found[2].replace(",", ""), found[3] or "", (found[4] or "").lower()
    if len(whole) > MOST_DIGITS or len(rest) > MOST_DIGITS:
        return ()
    if after.strip(EDGES + ".").lower() in MAGNITUDES:
        return numbers.decimal(f"{whole}.{rest}" if rest else whole)
    if scale:
        return (*numbers.decimal(f"{whole}.{rest}" if rest else whole), SCALES[scale], *_coins(sign, 2))
    said = (*numbers.cardinal(whole), *_coins(sign, int(whole)))
    if len(rest) == 2 and int(rest) and MONEY[sign][1]:
        return (*said, *numbers.cardinal(str(int(rest))), *_cents(sign, int(rest)))
    return said if not rest.strip("0") else (*numbers.decimal(f"{whole}.{rest}"), *_coins(sign, 2))


def _coins(sign: str, count: int) -> Said:
    name = MONEY[sign][0]
    return (name if count == 1 or name == "yen" else f"{name}s",)


def _cents(sign: str, count: int) -> Said:
    name = MONEY[sign][1]
    return (name if count == 1 else {"penny": "pence"}.get(name, f"{name}s"),)


def _letters(token: str, known: Known) -> Said:
    """A run of letters: a word, or letters said one by one."""
    low = token.lower().rstrip("'")
    if known(low) or known(token.lower()):
        return (low,)
    bare = low.removesuffix("'s")
    capitals = len(bare) > 1 and token[: len(bare)].isupper()
    if bare and not known(bare) and ((capitals and len(bare) <= 5) or not re.search("[aeiouy]", bare)):
        return (*bare[:-1], low[len(bare) - 1 :]) if low != bare else tuple(bare)
    if "'" in low and not known(bare):
        return tuple(p for p in re.split(r"'(?!(?:s|t|d|m|ll|re|ve|am|em)$)", low) if p)
    return (low,)


def _address(core: str, known: Known) -> Said:
    """A web or mail address: its marks are said too."""
    found = list[str]()
    bare = re.sub(r"^https?://", "", core, flags=re.IGNORECASE).rstrip("/")
    for part in re.findall(r"[^\W\d_]+|\d+|[./@:_-]", bare):
        if part in MARKS:
            found.append(MARKS[part])
        elif part.isdigit():
            found += numbers.cardinal(part[:MOST_DIGITS])
        else:
            found += tuple("www") if part.lower() == "www" else _letters(part.lower(), known)
    return tuple(found)


def _ascii(text: str) -> str:
    """Letters without their accents; what is no Latin letter stays."""
    kept = unicodedata.normalize("NFKD", text.translate(LETTERS).translate(str.maketrans("ÆØŁ", "EOL")))
    return "".join(c for c in kept if not unicodedata.combining(c)).replace("⁄", "/")


def _clean(said: Said) -> Said:
    """Pieces of letters from a to z and apostrophes between or before them; others are left out."""
    found = (re.sub(r"[^a-z']", "", piece.lower()).rstrip("'") for piece in said if piece.isascii())
    return tuple(piece for piece in found if re.search("[a-z]", piece))
