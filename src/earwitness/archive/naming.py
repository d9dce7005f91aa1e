"""Lays people's names over a recording's speakers. Names hang on ids, so a later change reaches what was named before.

Pure functions. A name that a caller gave is never touched.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from earwitness.archive.likeness import TIERS, Identity, Tiers, identify
from earwitness.archive.person import Person
from earwitness.types import Notice, Speaker

PROPOSED = "speaker_suggested"
MAY_BE = re.compile(r"(\S+) may be (\S+), but")


def identities(
    speakers: Sequence[Speaker], people: Sequence[Person], model: str, tiers: Tiers = TIERS
) -> dict[str, Identity]:
    """Whose voice each speaker has, by the speaker's id, for those that have an embedding and were given no name."""
    return {s.id: identify(s.voice, model, people, tiers) for s in speakers if s.voice and not (s.name or s.person)}


def recognised(
    speakers: Sequence[Speaker], people: Sequence[Person], model: str, tiers: Tiers = TIERS
) -> tuple[Speaker, ...]:
    """The speakers, those named whose voices are known for certain (tier `auto`), in the same order.

    A person is found once in a recording, by the voice that is nearest; a second speaker gets the same name only from
    `tiers.twice` on. Nobody gets the name of a person whom the caller named already.
    """
    told = {s.person for s in speakers if s.person}
    told |= {p.id for p in people if p.name in {s.name for s in speakers}}
    found = identities(speakers, people, model, tiers)
    best = {ident: who.best for ident, who in found.items() if who.tier == "auto" and who.best}
    named: dict[str, Speaker] = {}
    seen: set[str] = set()
    for speaker in sorted((s for s in speakers if s.id in best), key=lambda s: -best[s.id].score):
        person = best[speaker.id]
        if person.person in told or (person.person in seen and person.score < tiers.twice):
            continue
        seen.add(person.person)
        named[speaker.id] = replace(speaker, name=person.name, person=person.person)
    return tuple(named.get(s.id, s) for s in speakers)


def proposal(speaker: str, person: str) -> Notice:
    """That a speaker may be a person, by id, and is not alike enough to be named."""
    return Notice(PROPOSED, f"{speaker} may be {person}, but is not alike enough to be named")


def proposed(code: str, message: str) -> tuple[str, str] | None:
    """The speaker and the person of a `proposal`; None for any other notice."""
    found = MAY_BE.match(message) if code == PROPOSED else None
    return (found[1], found[2]) if found else None


def current(speakers: Sequence[Speaker], people: Sequence[Person]) -> tuple[Speaker, ...]:
    """The speakers by the people as they are now: renamed and merged ones follow, forgotten ones are nobody again."""
    now = {ident: person for person in people for ident in (person.id, *person.merged)}
    return tuple(_current(s, now.get(s.person)) if s.person else s for s in speakers)


def _current(speaker: Speaker, person: Person | None) -> Speaker:
    if person is None:
        return replace(speaker, name=None, person=None)
    return replace(speaker, name=person.name, person=person.id)
