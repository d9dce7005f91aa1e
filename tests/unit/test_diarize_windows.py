"""Diarizers made of an embedder and a detector of speech: by the pitch of tones, and with real weights."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from earwitness.audio import decode, timebase
from earwitness.errors import BadInput, EngineFailed, Missing
from earwitness.models.catalog import sample
from earwitness.parts import Crowd, Diarizer, diarize_resemblyzer, diarize_speechbrain, diarize_wespeaker, vad_silero
from earwitness.parts.voices import clusters
from earwitness.parts.voices.library import Floats
from earwitness.parts.voices.windows import Windowed
from earwitness.types import Audio, Diarization, Samples
from support import sounds
from support.exported import wespeaker
from support.loudness import Loudness
from support.voices import pitch


@dataclass
class Pitches:
    """An embedder for which each pitch is a voice."""

    width, step, apart = timebase.samples(0.8), timebase.samples(0.4), 0.5
    common: float = 0.01

    def embed(self, windows: Samples) -> Floats:
        found = np.full((len(windows), 40), self.common, np.float32)
        for n, window in enumerate(windows):
            steps = [pitch(window[at : at + 1_600]) for at in range(0, len(window), 1_600)]
            found[n, max(steps)] = 1.0
        return found


def heard(diarizer: Diarizer, samples: Samples, crowd: Crowd | None = None, *, block: int = 0) -> Diarization:
    hearing, block = diarizer.begin(), block or max(1, len(samples))
    for at in range(0, len(samples), block):
        hearing.hear(Audio(samples[at : at + block], at))
    return hearing.tell(crowd or Crowd())


def tones() -> Samples:
    """Two people in turn, 5 s each, with a second of silence between; the first comes back."""
    quiet = np.zeros(16_000, np.float32)
    low, high = (sounds.tone(5, hertz).astype(np.float32) for hertz in (300, 900))
    return np.concatenate([low, quiet, high, quiet, low])


@pytest.fixture(scope="module")
def toy() -> Windowed:
    return Windowed("toy", "pitches", Pitches(), Loudness())


def test_two_pitches_are_two_speakers(toy: Windowed) -> None:
    found = heard(toy, tones())
    assert [t.speaker for t in found.turns] == ["S1", "S2", "S1"]
    edges = [(t.start_s, t.end_s) for t in found.turns]
    assert np.allclose(edges, [(0, 5), (6, 11), (12, 17)], atol=0.2)
    assert found.exclusive == found.turns
    assert found.method == "toy"
    assert all(s.confidence and np.linalg.norm(s.voice) == pytest.approx(1.0, abs=1e-5) for s in found.speakers)


@pytest.mark.parametrize("block_s", [0.01, 0.37, 4.0, 15.0])
def test_it_does_not_matter_how_the_sound_is_handed_in(toy: Windowed, block_s: float) -> None:
    many = np.concatenate([tones()] * 3)
    assert heard(toy, many, block=timebase.samples(block_s)) == heard(toy, many)


def test_asking_on_the_way_changes_nothing(toy: Windowed) -> None:
    scene, hearing = tones(), toy.begin()
    hearing.hear(Audio(scene[:100_000]))
    assert max(t.end_s for t in hearing.tell(Crowd()).turns) <= timebase.seconds(100_000)
    hearing.hear(Audio(scene[100_000:], 100_000))
    assert hearing.tell(Crowd()) == heard(toy, scene)


def test_a_range_of_a_recording_has_its_times(toy: Windowed) -> None:
    hearing = toy.begin()
    hearing.hear(Audio(tones(), timebase.samples(3600)))
    assert hearing.tell(Crowd()).turns[0].start_s == pytest.approx(3600.0, abs=0.1)


def test_the_number_of_speakers_is_kept_to(toy: Windowed) -> None:
    assert len(heard(toy, tones(), Crowd(count=1)).speakers) == 1
    assert len(heard(toy, tones(), Crowd(count=2)).speakers) == 2
    few = heard(toy, tones(), Crowd(least=9))
    assert [n.code for n in few.notices] == ["fewer_speakers"]


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.3, 20.0])
def test_silence_has_no_speakers(toy: Windowed, seconds: float) -> None:
    found = heard(toy, np.zeros(timebase.samples(seconds), np.float32))
    assert found == Diarization(method="toy")


def test_sound_must_follow(toy: Windowed) -> None:
    hearing = toy.begin()
    hearing.hear(Audio(np.zeros(16_000, np.float32)))
    with pytest.raises(BadInput, match="does not follow"):
        hearing.hear(Audio(np.zeros(16_000, np.float32), 48_000))


def test_the_voice_of_a_clip(toy: Windowed) -> None:
    voice = toy.voice(Audio(sounds.tone(3, 300).astype(np.float32)))
    assert voice is not None
    assert np.argmax(voice) == 3
    assert toy.voice(Audio(sounds.tone(0.4, 300).astype(np.float32))) is None


def test_what_voices_have_in_common_is_taken_off_those_given_out() -> None:
    near, middle = Pitches(common=0.2), np.full(40, 0.125, np.float32)
    near.apart = 0.1
    plain, centred = Windowed("a", "a", near, Loudness()), Windowed("b", "b", near, Loudness(), middle)
    one, other = heard(plain, tones()), heard(centred, tones())
    assert [t.speaker for t in one.turns] == [t.speaker for t in other.turns]
    spread = [np.dot(f.speakers[0].voice, f.speakers[1].voice) for f in (one, other)]
    assert spread[0] == pytest.approx(0.75, abs=0.02)
    assert spread[1] == pytest.approx(0.0, abs=0.05)


# ── real weights ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def scene() -> Samples:
    """Nagg and Nell, 28 s."""
    return decode.decode(sample()).samples


def two_take_turns(diarizer: Diarizer, scene: Samples) -> None:
    found = heard(diarizer, scene, Crowd(count=2))
    assert [s.id for s in found.speakers] == ["S1", "S2"]
    assert sum(s.speech_s for s in found.speakers) == pytest.approx(21.5, abs=3)
    assert [t.speaker for t in found.turns if t.end_s - t.start_s > 0.9][:4] == ["S1", "S1", "S1", "S2"]
    nagg, nell = (np.array(s.voice) for s in found.speakers)
    again = diarizer.voice(Audio(scene[timebase.samples(4.8) : timebase.samples(8.1)]))
    assert again is not None
    assert np.dot(again, nagg) > np.dot(again, nell) + 0.1


def test_resemblyzer_tells_the_sample_apart(scene: Samples) -> None:
    if diarize_resemblyzer.spec.missing():
        pytest.skip("pip install --no-deps Resemblyzer==0.1.4")
    two_take_turns(diarize_resemblyzer.spec.load(), scene)


def test_resemblyzers_graph_is_what_torch_computes() -> None:
    if diarize_resemblyzer.spec.missing() or not find_spec("torch"):
        pytest.skip("Resemblyzer's weights and torch are not here")
    import torch

    path = diarize_resemblyzer._weights()
    assert path is not None
    held = diarize_resemblyzer.read(path)
    net = torch.nn.LSTM(40, 256, 3, batch_first=True)
    net.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in held.items() if "_l" in k})
    windows = (0.1 * np.random.default_rng(3).normal(size=(3, 25_600))).astype(np.float32)
    mels = np.stack([diarize_resemblyzer._mels(w) for w in windows])
    with torch.inference_mode():
        last = net(torch.from_numpy(mels))[1][0][-1].numpy()
    expected = clusters.unit(np.maximum(last @ held["weight"].T + held["bias"], 0))
    assert np.allclose(diarize_resemblyzer.Lstm(held).embed(windows), expected, atol=1e-5)


def test_another_file_than_resemblyzers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pretrained.pt").write_bytes(b"\x80\x02cos\nsystem\n")
    with pytest.raises(EngineFailed, match="not the file that is known") as told:
        diarize_resemblyzer.read(tmp_path / "pretrained.pt")
    assert "--no-deps Resemblyzer" in told.value.remedy


def test_without_resemblyzer_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diarize_resemblyzer, "_weights", lambda: None)
    assert "--no-deps" in (diarize_resemblyzer.spec.missing() or "")
    with pytest.raises(Missing):
        diarize_resemblyzer.spec.load()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    wespeaker(root / "phenome/diarization/resnet34/model.onnx")
    return root


def test_a_model_as_wespeaker_exports_it(models: Path, scene: Samples) -> None:
    (spec,) = diarize_wespeaker.spec.inside(models)
    assert (spec.name, spec.does, spec.missing()) == ("resnet34", "diarizer", None)
    diarizer = spec.load()
    assert diarizer.embeds == "wespeaker/resnet34"
    two_take_turns(diarizer, scene)


@pytest.mark.parametrize("raw", [b"", b"\x08\x08", b"\x80\x02cos\nsystem\n"], ids=["empty", "cut short", "a pickle"])
def test_what_is_no_onnx_model_is_an_error(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "phenome/diarization/odd/model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    (spec,) = diarize_wespeaker.spec.inside(tmp_path)
    with pytest.raises(EngineFailed):
        spec.load()


def test_another_kind_of_onnx_model_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "phenome/diarization/vad/model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(vad_silero.__file__).with_name("data").joinpath(vad_silero.WEIGHTS).read_bytes())
    (spec,) = diarize_wespeaker.spec.inside(tmp_path)
    with pytest.raises(EngineFailed, match="no model as WeSpeaker exports it"):
        spec.load()


def test_the_specs_themselves_have_no_model() -> None:
    for spec in (diarize_wespeaker.spec, diarize_speechbrain.spec):
        with pytest.raises(EngineFailed, match="needs a model"):
            spec.load()


def test_speechbrains_network_with_weights_of_no_sense(tmp_path: Path) -> None:
    if diarize_speechbrain.spec.missing():
        pytest.skip(diarize_speechbrain.spec.missing() or "")
    import torch
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    torch.manual_seed(1)
    net = ECAPA_TDNN(80, channels=[32, 32, 32, 32, 96], attention_channels=128, lin_neurons=24)
    folder = tmp_path / "phenome/diarization/ecapa"
    folder.mkdir(parents=True)
    torch.save(net.state_dict(), folder / "embedding_model.ckpt")
    (spec,) = diarize_speechbrain.spec.inside(tmp_path)
    diarizer = spec.load()
    assert diarizer.embeds == "speechbrain/ecapa"
    voice = diarizer.voice(Audio(decode.decode(sample(), to_s=4).samples))
    assert voice is not None
    assert len(voice) == 24
    assert np.isfinite(voice).all()
    (folder / "embedding_model.ckpt").write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(EngineFailed, match="can't be loaded"):
        spec.load()
