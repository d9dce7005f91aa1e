"""A small Whisper ends its text while somebody still speaks; the whole walk gets the rest of it."""

from collections.abc import Iterator

import pytest

from earwitness import batch
from earwitness.config import Settings
from earwitness.engines import Engine, Spec
from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.models.lane import Lane
from earwitness.models.pool import Pool
from earwitness.plugins import ENGINES, Plugins
from earwitness.stages.guard import Guarding
from earwitness.stages.recipe import Recipe
from support import subjects, whisper

THREE = whisper.RECORDINGS / "12_en_three_sentences.wav"


@pytest.fixture(scope="module", params=["ctranslate2", "whispercpp"])
def small(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kit]:
    """A kit whose only model is the small Whisper."""
    engines: Plugins[Spec] = Plugins(ENGINES)
    spec = next((e.spec for e in engines if e.name == request.param and e.spec and not e.why_not), None)
    if spec is None:
        pytest.skip(f"{request.param} is not installed")
    files = subjects.micro(spec.formats[0], tmp_path_factory.mktemp("micro"))
    engine: Engine = spec.load(files, spec.devices(probe.machine())[0], spec.Options())
    with Kit(settings) as kit:
        kit.pool = Pool(lambda _: Lane(engine))
        yield kit


def _recipe(*, resume: bool) -> Recipe:
    return Recipe(model="fake", guarding=Guarding(resume=resume))


def test_the_third_sentence_is_lost_in_one_go(small: Kit) -> None:
    found = batch.run(THREE, _recipe(resume=False), small)
    assert len(found.segments) == 2
    assert "zero" not in found.text


def test_the_third_sentence_comes_back_once_and_in_its_place(small: Kit) -> None:
    found = batch.run(THREE, _recipe(resume=True), small)
    assert [s.marks for s in found.segments] == [(), (), ("resumed",)]
    third, (start_s, end_s, _) = found.segments[2], whisper.recordings()[11].segments[2]
    assert third.text.startswith("My number is six zero one")
    assert start_s - 0.3 < third.start_s < third.end_s < end_s + 0.3
    assert found.text.count("Turn off") == 1
    assert found.text.count("My number") == 2
    assert found.suppressed == ()


def test_what_comes_out_whole_is_asked_for_once(small: Kit) -> None:
    whole = [r for r in whisper.exact() if r.name[:2] in {"02", "07"}]
    for spoken in whole:
        on, off = (batch.run(whisper.RECORDINGS / spoken.name, _recipe(resume=r), small) for r in (True, False))
        assert on.text == off.text == spoken.text
        assert on.segments == off.segments
