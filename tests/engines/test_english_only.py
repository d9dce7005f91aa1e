"""Models that know English alone (`*.en`): every engine says so, and refuses what they can't do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.engines import Engine, Spec
from earwitness.errors import Unsupported
from earwitness.hardware import probe
from earwitness.plugins import ENGINES, Plugins
from earwitness.types import Ask, Audio, Clip
from support import subjects, whisper


def _engines() -> Iterator[object]:
    for found in Plugins[Spec](ENGINES):
        if found.spec is not None and found.spec.formats[0] in subjects.MICRO:
            marks = pytest.mark.skipif(bool(found.why_not), reason=found.why_not or "usable")
            yield pytest.param(found.spec, id=found.name, marks=marks)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Whisper without its languages."""
    return whisper.english(tmp_path_factory.mktemp("english") / "whisper-micro.en")


@pytest.fixture(scope="module", params=list(_engines()))
def engine(request: pytest.FixtureRequest, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each Whisper engine with it."""
    spec: Spec = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whisper, "MODEL", model)
        files = subjects.micro(spec.formats[0], tmp_path_factory.mktemp(spec.name))
    loaded = spec.load(files, spec.devices(probe.machine())[0], spec.Options())
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def sound() -> Audio:
    """What the small Whisper understands."""
    return Audio(whisper.exact()[0].samples)


def test_it_says_so(engine: Engine) -> None:
    assert engine.can.languages == ("en",)
    assert engine.can.tasks == ("transcribe",)
    assert not engine.can.detects_language


@pytest.mark.parametrize(
    ("ask", "param"),
    [
        (Ask(language="de"), "language"),
        (Ask(task="translate"), "task"),
        (Ask(languages=("de", "fr")), "languages"),
    ],
)
def test_what_it_cannot_do_is_refused(engine: Engine, sound: Audio, ask: Ask, param: str) -> None:
    with pytest.raises(Unsupported) as caught:
        engine.transcribe([Clip(sound, ask)])
    assert caught.value.param == param


def test_its_language_is_english_whether_it_is_told_or_not(engine: Engine, sound: Audio) -> None:
    free, told = engine.transcribe([Clip(sound, Ask()), Clip(sound, Ask(language="en"))])
    assert {s.language for s in (*free, *told)} == {"en"}
    assert [s.text for s in free] == [s.text for s in told]
