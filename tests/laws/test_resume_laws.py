"""The law of going on: a run that is interrupted anywhere, however often, ends as one that was not."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness import batch
from earwitness.config import Settings
from earwitness.kit import Kit
from earwitness.stages.recipe import CHANNELS, Diarizing, Recipe
from earwitness.types import Ask, Samples, Segment, Transcript
from earwitness.unfinished.checkpoint import Checkpoint
from support import sounds
from support.voices import Hearer, hearer

SECONDS = 100
RECIPES = {
    "words": Recipe(model="fake"),
    "words with times, a range": Recipe(model="fake", ask=Ask(word_times=True), from_s=3.3, to_s=91.7),
    "speakers": Recipe(model="fake", diarizing=Diarizing()),
    "channels": Recipe(model="fake", diarizing=Diarizing(CHANNELS)),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hearer]:
    with hearer(Settings(home=tmp_path_factory.mktemp("home"), workers=1)) as made:
        yield made


def sound(seed: int) -> Samples:
    """Bursts of two voices and pauses, of any length: over the seams of blocks too."""
    dice, parts, left = np.random.default_rng(seed), list[Samples](), SECONDS * 16_000
    while left > 0:
        burst_s, pitch, peak = (
            float(dice.uniform(0.2, 20)),
            int(dice.choice([300, 1200])),
            float(dice.uniform(0.5, 0.9)),
        )
        parts += [sounds.tone(burst_s, pitch, peak=peak), sounds.silence(float(dice.choice([0.1, 0.5, 2.0, 40.0])))]
        left -= len(parts[-1]) + len(parts[-2])
    return np.concatenate(parts)[: SECONDS * 16_000]


class Killed(BaseException):
    """The process ends here."""


def run(source: bytes, recipe: Recipe, kit: Kit, folder: Path, dies_at: int | None = None) -> Transcript:
    """One start of the work; it dies after so many stretches."""
    steps, told = iter(range(10**6)), list[Segment]()

    def step(_: object) -> None:
        if next(steps) == dies_at:
            raise Killed

    with Checkpoint(folder, source, every_s=0.0) as checkpoint:
        found = batch.run(source, recipe, kit, on_progress=step, on_segments=told.extend, checkpoint=checkpoint)
        assert tuple(told) == found.segments
        checkpoint.done()
    return found


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("remembers", [True, False])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 999), deaths=st.lists(st.integers(0, 7), min_size=1, max_size=3))
def test_interruptions_leave_no_trace(
    own: Hearer, tmp_path: Path, name: str, remembers: bool, seed: int, deaths: list[int]
) -> None:
    samples, recipe, own.double.remembers = sound(seed), RECIPES[name], remembers
    if name == "channels":
        samples = np.stack([samples, sound(seed + 1)], axis=1)
    source = sounds.wav(samples)
    whole = batch.run(source, recipe, own)
    for dies_at in deaths:
        with suppress(Killed):
            assert run(source, recipe, own, tmp_path, dies_at) == whole
    assert run(source, recipe, own, tmp_path) == whole
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_dies_again_and_again_at_its_end_hears_nothing_twice(own: Hearer, tmp_path: Path) -> None:
    source, recipe, own.double.remembers = sounds.wav(sound(452)), RECIPES["speakers"], True
    steps = list[object]()
    whole = batch.run(source, recipe, own, on_progress=steps.append)
    for dies_at in (len(steps) - 1, 0, 0):
        with pytest.raises(Killed):
            run(source, recipe, own, tmp_path, dies_at)
    assert run(source, recipe, own, tmp_path) == whole
