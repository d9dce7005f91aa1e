"""A server that stops: what was said is told first, through every door in its own words."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from earwitness import config
from earwitness.audio import decode
from earwitness.kit import Kit
from support.faults import Shared, until
from support.server import housed

Told = dict[str, Any]
SAID = "do you hear me"

DOORS: dict[str, tuple[str, list[object], int]] = {
    "/ws": ("final", [{"type": "hello"}], 1013),
    "/v1/listen?encoding=linear16&sample_rate=16000": ("Results", [], 1011),
    "/v1/realtime?intent=transcription": ("conversation.item.input_audio_transcription.completed", [], 1013),
    "/": ("segments", [{"uid": "1", "audio_format": "int16"}], 1012),
}
"""By the door: how it tells text, what is said first, and the code with which it closes."""


def rest(socket: ClientConnection) -> Iterator[Told]:
    with suppress(ConnectionClosed):
        while True:
            yield json.loads(socket.recv(60))


def test_what_was_said_is_told_through_every_door(kit: Kit, tmp_path: Path, sample: Path) -> None:
    talk = decode.decode(sample, to_s=3.0).samples  # ends within an utterance
    sound = (talk * 32767).astype("<i2").tobytes()
    wide = base64.b64encode((np.repeat(talk, 3)[::2] * 32767).astype("<i2").tobytes()).decode()
    settings = config.load(home=tmp_path, log_level="error", preload=False)
    with ExitStack() as held:
        with housed(settings, Shared(kit)) as (address, house):  # type: ignore[arg-type]
            opened = {
                door: held.enter_context(connect(address.replace("http", "ws") + door, max_queue=None, open_timeout=60))
                for door in DOORS
            }
            for door, socket in opened.items():
                for message in DOORS[door][1]:
                    socket.send(json.dumps(message))
                append = json.dumps({"type": "input_audio_buffer.append", "audio": wide})
                socket.send(append if "realtime" in door else sound)
            until(lambda: sum(h.expected > len(talk) - 200 for h in house.sessions._open.values()) == len(DOORS))
        for door, socket in opened.items():
            kind, _, code = DOORS[door]
            found = list(rest(socket))
            texts = [json.dumps(m) for m in found if m.get("type") == kind or kind in m]
            said = texts[-1] if kind == "segments" else " ".join(texts)
            assert said.lower().count(SAID) == 2, (door, found)
            assert socket.close_code == code, door
            last = json.dumps(found[-1])
            assert "DISCONNECT" in last if door == "/" else "stops" in last, (door, last)
