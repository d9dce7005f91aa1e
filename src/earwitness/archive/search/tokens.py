"""What search looks at: a text as words that compare."""

import re
import unicodedata

WORD = re.compile(r"\w+")


def tokens(text: str) -> str:
    """The words of a text, folded, with single spaces."""
    return " ".join(WORD.findall(unicodedata.normalize("NFKC", text).casefold()))
