"""The one clock: seconds and sample positions at 16 kHz, and nothing else multiplies by a rate.

Positions are ints counted from the start of the recording; seconds are floats from the same start. The floor of the
package: imports nothing.
"""

RATE = 16_000
"""Samples a second of every `Audio` in the package."""


def seconds(samples: int) -> float:
    """Seconds of a sample position or count at 16 kHz."""
    return samples / RATE


def samples(seconds_: float) -> int:
    """The sample position nearest to a time in seconds; ties go to the even position.

    `samples(seconds(n)) == n` for every n below 2**52.
    """
    return round(seconds_ * RATE)


def rescale(position: int, rate: int) -> int:
    """A position counted at `rate` as the nearest position at 16 kHz, exactly, in whole numbers."""
    return (position * RATE * 2 + rate) // (rate * 2)


def clock(seconds_: float, *, mark: str = ".", hours: bool = True) -> str:
    """A time as HH:MM:SS.mmm, rounded to the millisecond; `mark` stands before the milliseconds.

    Without `hours` the hour is left out while it is zero. Raises ValueError below zero.
    """
    if seconds_ < 0:
        raise ValueError(f"a time before the start of the recording: {seconds_}")
    whole, ms = divmod(round(seconds_ * 1000), 1000)
    minutes, s = divmod(whole, 60)
    h, m = divmod(minutes, 60)
    head = f"{h:02d}:" if hours or h else ""
    return f"{head}{m:02d}:{s:02d}{mark}{ms:03d}"
