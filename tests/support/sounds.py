"""Sounds made on the spot, and files of any container made from them."""

import io
import wave

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 16_000


def silence(seconds: float, rate: int = RATE) -> Samples:
    """Nothing at all, shape (n,)."""
    return np.zeros(round(seconds * rate), np.float32)


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE, peak: float = 0.5) -> Samples:
    """A sine, shape (n,)."""
    t = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def clicks(seconds: float, rate: int = RATE, peak: float = 0.51) -> Samples:
    """A hundred clicks a second: little power under high peaks, as in speech; shape (n,)."""
    sound = silence(seconds, rate)
    sound[:: rate // 100] = -peak
    return sound


def noise(seconds: float, rate: int = RATE, peak: float = 0.3, seed: int = 7) -> Samples:
    """White noise, the same for the same seed, shape (n,)."""
    return np.random.default_rng(seed).uniform(-peak, peak, round(seconds * rate)).astype(np.float32)


def wav(samples: Samples, rate: int = RATE) -> bytes:
    """A 16-bit WAV file; `samples` of shape (n,) or (n, channels) within ±1."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return out.getvalue()


def encoded(samples: Samples, container: str, codec: str, rate: int = RATE, layout: str = "mono") -> bytes:
    """A file of any container and codec; `samples` of shape (n,) or (n, channels) within ±1 at `rate`."""
    planes = samples.reshape(1, -1) if samples.ndim == 1 else np.ascontiguousarray(samples.T)
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        track = file.add_stream(codec, rate=rate)
        assert isinstance(track, AudioStream)
        track.layout = layout
        for low in range(0, planes.shape[1], 1024):
            frame = AudioFrame.from_ndarray(planes[:, low : low + 1024], format="fltp", layout=layout)
            frame.sample_rate = rate
            frame.pts = low
            for packet in track.encode(frame):
                file.mux(packet)
        for packet in track.encode(None):
            file.mux(packet)
    return out.getvalue()
