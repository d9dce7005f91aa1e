"""MLX on a processor: right, and so slow that it hears windows of five seconds, and one of thirty."""

from pathlib import Path

import jiwer
import pytest

from earwitness.engines import Engine, Spec
from earwitness.hardware import probe
from earwitness.plugins import ENGINES, Plugins
from earwitness.types import Ask, Audio, Clip
from support import subjects, whisper

SPOKEN = [r for r in whisper.exact() if len(r.samples) < 5 * 16_000]


def _load(folder: Path, precision: str | None) -> Engine:
    engines: Plugins[Spec] = Plugins(ENGINES)
    spec = engines.get("mlx")
    if why := spec.missing():
        pytest.skip(why)
    files = subjects.micro("mlx", folder, precision)
    return spec.load(files, probe.machine().devices[0], spec.Options())


def _plain(text: str) -> str:
    return text.lower().replace(".", "").replace("?", "")


def test_exact_recordings_come_out_to_the_word(tmp_path: Path) -> None:
    engine = _load(tmp_path, None)
    assert engine.can.max_clip_s == 5.0
    found = engine.transcribe([Clip(Audio(r.samples)) for r in SPOKEN])
    texts = [" ".join(s.text for s in segments) for segments in found]
    assert len(SPOKEN) == len(whisper.EXACT)
    assert jiwer.wer([_plain(r.text) for r in SPOKEN], [_plain(t) for t in texts]) == 0


def test_a_whole_window_and_the_times_of_words(tmp_path: Path) -> None:
    engine = _load(tmp_path, "float16")
    ((segment,),) = engine.transcribe([Clip(Audio(SPOKEN[1].samples), Ask(word_times=True))])
    assert segment.text == SPOKEN[1].text
    assert [w.text for w in segment.words] == segment.text.split()
    ((start_s, end_s, _),) = SPOKEN[1].segments
    assert segment.words[0].start_s == pytest.approx(start_s, abs=0.25)
    assert segment.words[-1].end_s == pytest.approx(end_s, abs=0.4)
