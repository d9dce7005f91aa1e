"""A clip's sound as a WAV file, 16 kHz, one channel, 16 bit: what every server reads."""

import io
import wave

import numpy as np

from earwitness.audio import timebase
from earwitness.types import Samples


def packed(samples: Samples) -> bytes:
    """The file. What is over full scale is cut off."""
    sound = np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(timebase.RATE)
        file.writeframes(sound.tobytes())
    return out.getvalue()
