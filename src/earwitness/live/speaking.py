"""Who says the utterances of a session: a label after the text, and corrections as more is heard.

The voice of an utterance is heard in a thread beside the session, so no text waits for a label. What nobody can be
named for stays without one. Keeps the segments of the last utterances, because a correction tells them again.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np

from earwitness.errors import EarwitnessError
from earwitness.events import Event, Failed, Final, Named, Noted, Revised
from earwitness.parts import Crowd, Ear, Voiced
from earwitness.stages import who
from earwitness.types import Audio, Notice, Segment, Speaker

Recognise = Callable[[tuple[Speaker, ...]], tuple[tuple[Speaker, ...], tuple[Notice, ...]]]

LEAST_NAMED_S = 2.0
"""Speech that a name must rest on."""

MOST_WAITING = 20
"""Utterances whose voices wait to be heard; those beyond stay without a label, which is told."""

LATE = Notice("voices_left_out", "voices are heard too slowly here to follow: some of the text has no speaker")


class Speaking:
    """The speakers of one session. Not safe for threads; `wake` is called from those of the `pool`."""

    def __init__(
        self,
        ear: Ear,
        crowd: Crowd,
        pool: Executor,
        wake: Callable[[], None] = lambda: None,
        recognise: Recognise = lambda speakers: (speakers, ()),
        labels: int = 0,
    ) -> None:
        """The first `labels` labels belong to voices heard before.

        `recognise` gives speakers the names of the people they are, and notices where it can't.
        """
        self._ear, self._crowd, self._pool, self._wake, self._recognise = ear, crowd, pool, wake, recognise
        self._named = dict[str, Speaker]()
        self._noticed = set[Notice]()
        self._left_out = False
        self._voices = who.Voices(labels=labels)
        self._waiting = deque[tuple[int, Future[Voiced | None]]]()
        self._told = OrderedDict[int, dict[int, tuple[Segment, int]]]()
        """By utterance and id: the segment as it was told last, and how often it was revised."""

    @property
    def waiting(self) -> int:
        """Utterances whose voices are not heard yet."""
        return len(self._waiting)

    def hear(self, utterance: int, audio: Audio, finals: Sequence[Final]) -> None:
        """An utterance whose text was told."""
        if not finals:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._left_out = True
            return
        self._told[utterance] = {final.id: (final.segment, 0) for final in finals}
        while len(self._told) > who.KEPT + MOST_WAITING:
            self._told.popitem(last=False)
        future = self._pool.submit(self._ear.utterance, audio)
        future.add_done_callback(lambda _: self._wake())
        self._waiting.append((utterance, future))

    def collect(self) -> list[Event]:
        """What was learned since, in the order of the utterances."""
        told = self._news({LATE} if self._left_out else set())
        while self._waiting and self._waiting[0][1].done():
            utterance, future = self._waiting.popleft()
            try:
                voiced = future.result()
            except EarwitnessError as error:
                told.append(Failed(error.code, f"nobody is named here: {error.message}", error.remedy))
                continue
            self._voices, label, corrections = who.label(self._voices, str(utterance), voiced, self._ear, self._crowd)
            told += [*self._revised(utterance, label), *self._corrected(corrections), *self._who_they_are()]
        return told

    def end(self) -> list[Event]:
        """All voices sorted once more, when none is waited for."""
        self._voices, corrections = who.sort(self._voices, self._ear, self._crowd)
        return [*self._corrected(corrections), *self._who_they_are()]

    def _who_they_are(self) -> list[Event]:
        """The names that changed since they were told."""
        heard = {label: mean for label, mean in who.means(self._voices).items() if mean.speech_s >= LEAST_NAMED_S}
        rows = {label: mean.voice / max(float(np.linalg.norm(mean.voice)), 1e-9) for label, mean in heard.items()}
        speakers = (Speaker(i, round(heard[i].speech_s, 3), voice=tuple(row.tolist())) for i, row in rows.items())
        found, noticed = self._recognise(tuple(speakers))
        told = self._news(set(noticed))
        for speaker in found:
            now, before = replace(speaker, voice=()), self._named.get(speaker.id, Speaker(speaker.id))
            if (now.name, now.person) != (before.name, before.person):
                told.append(Named(now))
            self._named[now.id] = now
        return told

    def _news(self, noticed: set[Notice]) -> list[Event]:
        """Those notices that were not told yet."""
        fresh, self._noticed = noticed - self._noticed, self._noticed | noticed
        return [Noted(n) for n in sorted(fresh, key=lambda n: n.code)]

    def _corrected(self, corrections: Sequence[who.Correction]) -> list[Event]:
        return [e for c in corrections for e in self._revised(int(c.utterance), c.after)]

    def _revised(self, utterance: int, label: str | None) -> list[Event]:
        told, known = list[Event](), self._told.get(utterance, {})
        for ident, (before, revision) in known.items():
            if label is not None and before.speaker != label:
                words = tuple(replace(w, speaker=label) for w in before.words)
                segment = replace(before, speaker=label, words=words)
                known[ident] = segment, revision + 1
                told.append(Revised(ident, revision + 1, "speaker", segment))
        return told
