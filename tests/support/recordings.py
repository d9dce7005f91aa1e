"""Recordings made for one property: films, interrupted clocks, clicks at known places; and how to compare them."""

import io
import wave
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from earwitness.audio.decode import Report
from earwitness.types import Samples
from support import sounds


def murmur(seconds: float, rate: int = 16_000) -> Samples:
    """Noise between 200 and 3000 Hz, the same curve at any rate."""
    low, high = int(200 * seconds), int(3000 * seconds)
    spectrum = np.zeros(round(seconds * rate) // 2 + 1, np.complex128)
    spectrum[low:high] = np.exp(2j * np.pi * np.random.default_rng(3).random(high - low))
    curve = np.fft.irfft(spectrum, round(seconds * rate)) * rate
    return np.asarray(0.08 * seconds / np.sqrt(high - low) * curve, np.float32)


def likeness(found: Samples, wanted: Samples) -> tuple[int, float]:
    """By how many samples a sound lies later than another, and how much they then correlate."""
    size = 1 << (2 * max(len(found), len(wanted))).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(wanted, size)))
    at = int(np.argmax(product))
    strength = float(product[at] / np.sqrt((found**2).sum() * (wanted**2).sum()))
    return (at if at < size // 2 else at - size), strength


def feed(track: AudioStream, samples: Samples, rate: int, first: int = 0) -> "Iterator[Packet[AudioStream]]":
    """The packets of a sound, the same in all channels, whose first sample has the timestamp `first`."""
    planes = np.tile(samples, (track.codec_context.layout.nb_channels, 1))
    for low in range(0, len(samples), 800):
        part = np.ascontiguousarray(planes[:, low : low + 800])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout=track.codec_context.layout.name)
        frame.sample_rate, frame.pts = rate, first + low
        yield from track.encode(frame)
    yield from track.encode(None)


def sound_track(file: OutputContainer, codec: str, rate: int, layout: str = "mono") -> AudioStream:
    """A track for a sound, of any codec."""
    track = file.add_stream(codec, rate=rate, options={"strict": "-2"})
    assert isinstance(track, AudioStream)
    track.layout, track.bit_rate = layout, 64_000
    return track


def film(
    container: str, codec: str | None, samples: Samples, *, seconds: float, sound_at_s: float = 0.0, rate: int = 44_100
) -> bytes:
    """A video of 64 by 64 points and, unless `codec` is None, its sound, which may begin later."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        pictures = file.add_stream("mpeg2video" if container == "mpegts" else "mpeg4", rate=25)
        assert isinstance(pictures, VideoStream)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        track = sound_track(file, codec, rate) if codec else None
        for i in range(int(seconds * 25)):
            picture = VideoFrame.from_ndarray(np.full((64, 64, 3), i % 255, np.uint8), format="rgb24")
            picture.pts, picture.time_base = i, Fraction(1, 25)
            file.mux(list(pictures.encode(picture)))
        file.mux(list(pictures.encode(None)))
        if track:
            file.mux(list(feed(track, samples, rate, round(sound_at_s * rate))))
    return out.getvalue()


def interrupted(*jumps: tuple[float, float]) -> bytes:
    """Four seconds of a tone in a Matroska file whose timestamps jump ahead: pairs of (at second, by seconds)."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as file:
        for packet in feed(sound_track(file, "pcm_s16le", 16_000), sounds.tone(4), 16_000):
            assert packet.pts is not None
            at_s = float(packet.pts * packet.time_base)
            packet.pts += round(sum(by for at, by in jumps if at_s >= at) / packet.time_base)
            packet.dts = packet.pts
            file.mux(packet)
    return out.getvalue()


def clicks(rate: int, seconds: int, *at_s: float) -> bytes:
    """A WAV of silence with single loud samples at some times."""
    body = bytearray(2 * rate * seconds)
    for at in at_s:
        body[2 * round(at * rate) : 2 * round(at * rate) + 2] = (30_000).to_bytes(2, "little")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(body)
    return out.getvalue()


def codes(report: Report) -> list[str]:
    return [n.code for n in report.notices]
