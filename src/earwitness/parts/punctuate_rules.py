"""Full stops and question marks by rules: where the speaker pauses, and how a sentence begins. No model, no weights.

A pause ends a sentence unless the word before it asks for another. In English, a sentence that begins like a question
gets its mark. Commas are not guessed.
"""

import re
from collections.abc import Sequence

from earwitness.parts import Punctuator

SENTENCE_S = 0.5
"""A pause that ends a sentence."""

OPEN = {
    "en": frozenset(
        (
            "a an the and or but nor of to in on at for with from by as if that which who whom whose because than into "
            "onto about between through during without within under over i you he she we they my your his her our "
            "their its is are was were be been am will would can could shall should may might must have has had do "
            "does did not very so i'm you're he's she's it's we're they're i'll you'll we'll they'll i've we've i'd"
        ).split()
    )
}
"""Words after which something more is said."""

LEADS = "(?:(?:and|but|so|or|well|oh|now|then|yes|no|hey|okay) )?"
HELPS = (
    "do|does|did|is|are|was|were|am|can|could|will|would|shall|should|have|has|had|may|might|don't|doesn't|didn't|isn't|"
    "aren't|wasn't|weren't|can't|couldn't|won't|wouldn't|shouldn't|haven't|hasn't|hadn't"
)
WHO = "i|you|he|she|it|we|they|this|that|these|those|there|anyone|anybody|everyone|everybody|someone|somebody"
ASKS = "what|where|when|why|who|whom|whose|which|how"
QUESTION = re.compile(
    rf"{LEADS}(?:(?:{HELPS}) (?:{WHO})\b|(?:{ASKS}) (?:{HELPS})\b|(?:what's|who's|where's|how's|when's|why's)\b|"
    rf"how (?:many|much|long|old|often|far)\b|what (?:time|kind)\b)"
)


class Rules:
    """The rules; `marks` is that of `Punctuator`."""

    languages: tuple[str, ...] = ()

    def marks(self, words: Sequence[str], pauses_s: Sequence[float], language: str | None) -> tuple[str, ...]:
        found, sentence, goes_on = list[str](), list[str](), OPEN.get(language or "", frozenset())
        for word, pause_s in zip(words, pauses_s, strict=True):
            plain = word.lower().replace("’", "'")
            sentence.append(plain)
            ends = pause_s >= SENTENCE_S and plain not in goes_on
            asked = ends and language == "en" and len(sentence) > 1 and QUESTION.match(" ".join(sentence))
            found.append(("?" if asked else ".") if ends else "")
            if ends:
                sentence = []
        return tuple(found)


class _Spec:
    name = "rules"
    does = "punctuator"
    languages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        return None

    def load(self) -> Punctuator:
        return Rules()


spec = _Spec()
