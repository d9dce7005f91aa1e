"""Recordings of any kind become 16 kHz mono float32 Audio, in bounded memory, with exact times.

The clock is the container's: a gap in the timestamps becomes silence of the same length, so that text lies where a
player shows it. What is damaged is skipped, counted and reported as a Notice; only a recording of which nothing can be
decoded is an error. This module knows nothing of speech.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from earwitness.audio import timebase
from earwitness.audio.container import BARE, Source, opened
from earwitness.audio.mono import Mono
from earwitness.errors import BadInput, EmptyAudio, NotAudio
from earwitness.types import Audio, Notice, Samples, SourceInfo

BLOCK = 30 * timebase.RATE
"""Samples of one block of the iterator (30 s, 1.9 MB)."""

JITTER_S = 0.05
"""Timestamps may be off by this much from the sample count: containers round them to a millisecond or a packet."""

LONGEST_GAP_S = 3600.0
"""A jump ahead by more than this is a broken clock, not a pause."""

ALL_GAPS_S = 4 * LONGEST_GAP_S
"""Silence put into one recording at most, so that a small file of forged timestamps is no year of zeros."""

INDEXED = frozenset({"flac", "mov,mp4,m4a,3gp,3g2,mj2"})
"""Containers whose timestamps count samples and stay exact after a seek."""

PLAIN = frozenset({"wav", "w64", "aiff", "au", "caf"})
"""Containers of which that is true while they hold PCM; all others are decoded from their beginning."""

RUN_UP_S = 10.0
"""Decoding starts this much before a wanted time, so that every codec has settled."""


@dataclass(slots=True)
class Report:
    """Filled while a recording is decoded: what it is, and what was wrong with it. Complete once the iterator ends."""

    info: SourceInfo | None = None
    decoded_s: float = 0.0
    """Seconds of the recording seen so far, from its start."""
    damaged_packets: int = 0
    first_damage_s: float | None = None
    non_finite: int = 0
    notices: list[Notice] = field(default_factory=list)

    def note(self, code: str, message: str) -> None:
        """Add a Notice once per code."""
        if all(n.code != code for n in self.notices):
            self.notices.append(Notice(code, message))


def stream(
    source: Source,
    report: Report | None = None,
    *,
    channel: int | None = None,
    from_s: float = 0.0,
    to_s: float | None = None,
    block: int = BLOCK,
) -> Iterator[Audio]:
    """Yield a recording as contiguous blocks of Audio, `block` samples each but the last, in bounded memory.

    Args:
        source: a path, the bytes, or a seekable stream.
        report: filled with the source's facts and notices while iterating.
        channel: take this channel (0 is the first) instead of the mean of all.
        from_s: skip what lies before this second; the blocks keep their true start.
        to_s: stop at this second.
        block: samples of a block.

    Raises:
        BadInput: a channel or time range that the recording does not have, a block below 1, and all that
            `container.opened` raises.
        EmptyAudio: it has no samples.
        NotAudio: nothing of it could be decoded.
    """
    report = Report() if report is None else report
    start, end = _range(from_s, to_s)
    if block < 1:
        raise BadInput(f"blocks of {block} samples cannot be made")
    with opened(source) as (container, track, info):
        report.info = info
        _announce(report, channel)
        pieces = _pieces(container, track, report, channel, from_s)
        yielded = False
        for audio in _blocks(_within(pieces, start, end), block):
            yielded = True
            yield audio
        _conclude(report, yielded, from_s, to_s)


def decode(
    source: Source,
    report: Report | None = None,
    *,
    channel: int | None = None,
    from_s: float = 0.0,
    to_s: float | None = None,
) -> Audio:
    """A whole recording, or a range of it, as one Audio of shape (n,). Arguments and errors are those of `stream`."""
    blocks = list(stream(source, report, channel=channel, from_s=from_s, to_s=to_s))
    return Audio(np.concatenate([b.samples for b in blocks]), blocks[0].start)


# ── the way of the samples: packets → frames → mono at 16 kHz → placed on the clock → cut → blocks ────────────────────
def _pieces(
    container: InputContainer, track: AudioStream, report: Report, channel: int | None, from_s: float
) -> Iterator[Audio]:
    """Decoded sound with its true position; consecutive pieces touch, gaps come as zeros."""
    clock = _clock(container, track, report)
    lost = _seek(container, track, report, clock.origin_s + from_s)
    mono = Mono(channel, report)
    for frame in _frames(container, track, report):
        if mono.must_restart(frame):
            yield from _given(mono, mono.flush())
        if lost:
            index = clock.index(frame)
            if index is None:
                continue
            mono.resume(clock.anchor, index, frame.sample_rate)
            lost = False
        gap_end = clock.gap_end(frame, mono.position)
        if gap_end is not None:
            yield from _given(mono, mono.flush())
            yield from silence(mono.end, gap_end)
            mono.place(max(gap_end, mono.end))
        yield from _given(mono, mono.push(frame))
        report.decoded_s = timebase.seconds(mono.end)
    yield from _given(mono, mono.flush())
    report.decoded_s = timebase.seconds(mono.end)


@dataclass(slots=True)
class _Clock:
    """Reads the frames' timestamps.

    `origin_s` is the container's second that counts as zero, `first_s` the second from there where the track begins;
    a `bare` stream has no timestamps of its own.
    """

    origin_s: float
    first_s: float
    bare: bool
    report: Report
    bridged_s: float = 0.0

    @property
    def anchor(self) -> int:
        """Position of the track's first sample."""
        return timebase.samples(self.first_s) if self.first_s > JITTER_S else 0

    def index(self, frame: AudioFrame) -> int | None:
        """How many samples of the track lie before a frame, or None where the container does not say."""
        stamp = self.stamp(frame)
        return None if stamp is None else max(0, round((stamp - self.first_s) * frame.sample_rate))

    def stamp(self, frame: AudioFrame) -> float | None:
        """Seconds of a frame from the start of the recording, or None where the container does not say."""
        if self.bare or frame.pts is None or frame.time_base is None:
            return None
        return float(frame.pts * frame.time_base) - self.origin_s

    def gap_end(self, frame: AudioFrame, position: int) -> int | None:
        """Where a frame lies if there is a gap before it, else None; a clock that jumps is reported and followed."""
        stamp = self.stamp(frame)
        if stamp is None:
            return None
        ahead = stamp - timebase.seconds(position)
        if abs(ahead) <= JITTER_S:
            return None
        where = timebase.clock(timebase.seconds(position))
        if ahead < 0 or ahead > LONGEST_GAP_S or self.bridged_s + ahead > ALL_GAPS_S:
            self.origin_s += ahead
            self.report.note("clock_jump", f"the timestamps jump by {ahead:+.2f} s at {where}")
            return None
        self.bridged_s += ahead
        if position:
            self.report.note("gap", f"the recording has a gap of {ahead:.2f} s at {where}")
        return timebase.samples(stamp)


def _frames(container: InputContainer, track: AudioStream, report: Report) -> Iterator[AudioFrame]:
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.EOFError):
            return
        except av.error.FFmpegError:
            _damaged(report)
            return
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, ValueError):
            _damaged(report)
            continue
        for frame in frames:
            if frame.samples > 0:
                yield frame


def _clock(container: InputContainer, track: AudioStream, report: Report) -> _Clock:
    """The clock whose zero is what players show as zero: the first of all tracks."""
    bare = container.format.name in BARE
    begins_s = float((track.start_time or 0) * (track.time_base or 0))
    if container.streams.video and container.start_time is not None:
        origin_s = container.start_time / av.time_base
        return _Clock(origin_s, begins_s - origin_s, bare, report)
    return _Clock(begins_s, 0.0, bare, report)


def _seek(container: InputContainer, track: AudioStream, report: Report, at_s: float) -> bool:
    info = report.info
    if at_s <= 2 * RUN_UP_S or info is None or not _counts_samples(info, track) or track.time_base is None:
        return False
    if info.duration_s is not None and at_s > info.duration_s:
        return False
    try:
        container.seek(int((at_s - RUN_UP_S) / track.time_base), stream=track, backward=True)
    except (av.error.FFmpegError, OverflowError):
        return False
    return True


def _counts_samples(info: SourceInfo, track: AudioStream) -> bool:
    """Whether the timestamps are sample counts, so that a seek leaves no doubt where it landed."""
    plain = info.container in PLAIN and info.codec.startswith("pcm_")
    return (plain or info.container in INDEXED) and info.rate > 0 and track.time_base == Fraction(1, info.rate)


def _given(mono: Mono, samples: Samples | None) -> Iterator[Audio]:
    if samples is not None and len(samples):
        yield Audio(samples, mono.end - len(samples))


def silence(start: int, end: int) -> Iterator[Audio]:
    """Nothing from one position to another, as blocks."""
    for at in range(start, end, BLOCK):
        yield Audio(np.zeros(min(BLOCK, end - at), np.float32), at)


def _within(pieces: Iterator[Audio], start: int, end: int | None) -> Iterator[Audio]:
    for piece in pieces:
        if end is not None and piece.start >= end:
            return
        low = max(0, start - piece.start)
        high = len(piece.samples) if end is None else min(len(piece.samples), end - piece.start)
        if high > low:
            yield Audio(piece.samples[low:high], piece.start + low)


def _blocks(pieces: Iterator[Audio], block: int) -> Iterator[Audio]:
    first = next(pieces, None)
    if first is None:
        return
    at, held, have = first.start, [], 0
    for piece in chain((first,), pieces):
        held.append(piece.samples)
        have += len(piece.samples)
        if have < block:
            continue
        joined = np.concatenate(held)
        whole = have - have % block
        for low in range(0, whole, block):
            yield Audio(joined[low : low + block].copy(), at + low)
        at, held, have = at + whole, [joined[whole:].copy()], have - whole
    if have:
        yield Audio(np.concatenate(held), at)


def _range(from_s: float, to_s: float | None) -> tuple[int, int | None]:
    if math.isfinite(from_s) and from_s >= 0 and (to_s is None or math.isfinite(to_s)):
        start = timebase.samples(from_s)
        end = None if to_s is None else timebase.samples(to_s)
        if end is None or end > start:
            return start, end
    raise BadInput(f"the time range {from_s:g} s to {'the end' if to_s is None else f'{to_s:g} s'} holds nothing")


# ── what the reader of the result should know ────────────────────────────────────────────────────────────────────────
def _announce(report: Report, channel: int | None) -> None:
    info = report.info
    assert info is not None
    if channel is not None and not 0 <= channel < info.channels:
        raise BadInput(
            f"there is no channel {channel} in a recording of {info.channels}",
            remedy=f"Channels count from 0 to {info.channels - 1}.",
        )
    if info.tracks > 1:
        report.note("several_tracks", f"{info.tracks} audio tracks are in the file; the main one was taken")


def _damaged(report: Report) -> None:
    report.damaged_packets += 1
    if report.first_damage_s is None:
        report.first_damage_s = report.decoded_s


def _conclude(report: Report, yielded: bool, from_s: float, to_s: float | None) -> None:
    info = report.info
    assert info is not None
    if report.damaged_packets and report.first_damage_s is not None:
        where = timebase.clock(report.first_damage_s)
        report.note("damaged", f"{report.damaged_packets} damaged packet(s) were skipped, the first near {where}")
    if report.non_finite:
        report.note("not_finite", f"{report.non_finite} samples were NaN or infinite and count as silence")
    if not yielded:
        if report.decoded_s > 0:
            raise BadInput(f"the recording ends at {report.decoded_s:.2f} s, before {from_s:g} s")
        if report.damaged_packets:
            raise NotAudio("nothing in this file could be decoded; it is damaged or cut off")
        if from_s > 0:
            raise BadInput(f"the recording ends before {from_s:g} s")
        raise EmptyAudio("the recording holds no sound (0 samples)")
    jumped = any(n.code == "clock_jump" for n in report.notices)
    if to_s is None and info.duration_s is not None and not jumped:
        missing = info.duration_s - report.decoded_s
        if missing > max(0.5, 0.01 * info.duration_s):
            report.note(
                "truncated",
                f"the file says {info.duration_s:.2f} s and holds {report.decoded_s:.2f} s: its end is missing",
            )
