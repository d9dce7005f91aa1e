"""Laws of making sound clearer: chunking changes nothing, and what comes out is as long as what goes in."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.hardware import ort
from earwitness.parts import Enhancer
from earwitness.parts.denoise_gtcrn import Gtcrn
from earwitness.parts.denoise_spectral import Spectral
from earwitness.parts.loudness import CEILING, Loudness
from earwitness.parts.separate_demucs import Demucs
from earwitness.stages.enhance import through
from earwitness.types import Audio, Samples
from support import graphs


@pytest.fixture(scope="module")
def enhancers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Enhancer[Any]]:
    """All of them, the networks small."""
    folder = tmp_path_factory.mktemp("graphs")
    network = ort.cpu_session(graphs.gtcrn(folder / "gtcrn.onnx", fades=True), what="gtcrn")
    voices = ort.cpu_session(graphs.demucs(folder / "demucs.onnx"), what="demucs")
    return {
        "spectral": Spectral(),
        "loudness": Loudness(),
        "gtcrn": Gtcrn(network, "gtcrn"),
        "demucs": Demucs(voices, "demucs"),
    }


def _whole(pieces: list[Audio]) -> tuple[int, Samples]:
    assert all(a.end == b.start for a, b in pairwise(pieces))
    return pieces[0].start, np.concatenate([p.samples for p in pieces])


@st.composite
def sounds(draw: st.DrawFn) -> Samples:
    """Bursts of any loudness with pauses between, up to 2.5 s, and far over full scale too."""
    runs = draw(
        st.lists(st.tuples(st.integers(1, 8000), st.sampled_from([0, 1e-4, 0.01, 0.3, 1, 4])), min_size=1, max_size=5)
    )
    lots = np.random.default_rng(draw(st.integers(0, 99)))
    return np.concatenate([lots.normal(0, peak, n) if peak else np.zeros(n) for n, peak in runs]).astype(np.float32)


@pytest.mark.parametrize(
    "names", [("spectral",), ("loudness",), ("gtcrn",), ("demucs",), ("demucs", "spectral", "loudness")]
)
@settings(max_examples=15, deadline=None)
@given(sound=sounds(), cuts=st.lists(st.integers(0, 40_000), max_size=6), origin=st.sampled_from([0, 7, 160_001]))
def test_chunking_changes_nothing(
    enhancers: dict[str, Enhancer[Any]], names: tuple[str, ...], sound: Samples, cuts: list[int], origin: int
) -> None:
    edges = [0, *sorted(c % (len(sound) + 1) for c in cuts), len(sound)]
    chain = [enhancers[name] for name in names]
    pieces = list(through((Audio(sound[a:b], origin + a) for a, b in pairwise(edges)), chain))
    whole = list(through([Audio(sound, origin)], chain))
    assert _whole(pieces)[0] == _whole(whole)[0] == origin
    assert np.array_equal(_whole(pieces)[1], _whole(whole)[1])
    assert len(_whole(whole)[1]) == len(sound)
    if names[-1] == "loudness":
        assert np.abs(_whole(whole)[1]).max() <= CEILING


def test_nothing_comes_of_nothing(enhancers: dict[str, Enhancer[Any]]) -> None:
    assert list(through([], list(enhancers.values()))) == []


def test_a_graph_that_gives_its_sound_back_does_so_sample_by_sample(tmp_path: Path) -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 20_001).astype(np.float32)
    same = Gtcrn(ort.cpu_session(graphs.gtcrn(tmp_path / "g.onnx"), what="g"), "g")
    assert _whole(list(through([Audio(sound)], [same])))[1] == pytest.approx(sound, abs=1e-5)
