"""WhisperLive's door: by its own client where that is installed, and by a plain one that sends the same."""

import json
import re
import subprocess
import sys
import time
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import srt
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from earwitness import batch, config
from earwitness.api.live.whisperlive import Screen, parsed, without_effect
from earwitness.audio import decode
from earwitness.events import Final, Named, Partial, Revised, Settled
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples, Segment, Speaker
from support.server import running

Row = dict[str, Any]
CLIENT = Path(__file__).parents[2] / "support" / "whisperlive_client.py"
HELLO: Row = {
    "uid": "5f1c", "language": None, "task": "transcribe", "model": "small", "use_vad": True,
    "send_last_n_segments": 10, "no_speech_thresh": 0.45, "clip_audio": False, "same_output_threshold": 10,
    "enable_translation": False, "target_language": "fr", "hotwords": None, "enable_diarization": False,
    "max_speakers": 10, "known_speakers": [], "word_timestamps": False, "initial_prompt": None, "vad_parameters": None,
}  # fmt: skip
"""The first message of whisper-live 0.10.0."""

official = pytest.mark.skipif(
    not (find_spec("whisper_live") and find_spec("websocket")),
    reason="whisper-live is not installed: pip install --no-deps whisper-live websocket-client",
)


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


@pytest.fixture(scope="module")
def expected(sample: Path, kit: Kit) -> list[tuple[str, str, str]]:
    """What is said in it, heard as a file by the same recipe, as it stands in messages."""
    found = batch.run(sample, live(Recipe()), kit).segments
    return [(f" {s.text}", f"{s.start_s:.3f}", f"{s.end_s:.3f}") for s in found]


class Client:
    """One connection; keeps what it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.told = socket, list[Row]()

    def sound(self, samples: Samples) -> None:
        for low in range(0, len(samples), 4096):
            self.socket.send(np.asarray(samples[low : low + 4096], "<f4").tobytes())

    def next(self) -> Row:
        found: Row = json.loads(self.socket.recv(60))
        assert found["uid"] == HELLO["uid"]
        self.told.append(found)
        return found

    def rest(self) -> int:
        """All there is still to be told; the code with which the socket is closed."""
        try:
            while True:
                self.next()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006

    @property
    def lists(self) -> list[list[Row]]:
        return [m["segments"] for m in self.told if "segments" in m]

    @property
    def warnings(self) -> str:
        return "\n".join(m["message"] for m in self.told if m.get("status") == "WARNING")

    @property
    def completed(self) -> list[tuple[str, str, str]]:
        rows = [(r["text"], r["start"], r["end"]) for shown in self.lists for r in shown if r["completed"]]
        return list(dict.fromkeys(rows))


@contextmanager
def joined(address: str, path: str = "/", **hello: object) -> Iterator[Client]:
    """A client that is ready to send sound."""
    with connect(address.replace("http", "ws", 1) + path) as socket:
        client = Client(socket)
        socket.send(json.dumps(HELLO | hello))
        assert client.next() == {"uid": HELLO["uid"], "message": "SERVER_READY", "backend": "faster_whisper"}
        yield client


@pytest.mark.parametrize("end", ["END_OF_AUDIO", b"END_OF_AUDIO"], ids=["text", "binary"])
def test_what_is_completed_is_the_text_of_the_file_up_to_its_last_word(
    server: str, talk: Samples, expected: list[tuple[str, str, str]], end: str | bytes
) -> None:
    with joined(server) as client:
        client.sound(talk)
        client.socket.send(end)
        assert client.rest() == 1000
    assert client.completed == expected
    assert client.told[1] == {"uid": HELLO["uid"], "language": "en", "language_prob": 1.0}
    assert "there is no model 'small' here" in client.warnings
    for shown in client.lists:
        assert 1 <= len(shown) <= 11
        assert all(set(row) == {"start", "end", "text", "completed"} for row in shown)
        assert all(row["completed"] for row in shown[:-1])


def test_the_browser_extension_without_a_port_comes_to_our_own_door_and_is_welcome(
    server: str, talk: Samples, expected: list[tuple[str, str, str]]
) -> None:
    with joined(server, "/ws") as client:
        client.sound(talk)
        client.socket.send("END_OF_AUDIO")
        assert client.rest() == 1000
    assert client.completed == expected
    with connect(server.replace("http", "ws", 1) + "/ws") as socket:
        socket.send('{"uid": 7}')
        assert json.loads(socket.recv(60))["status"] == "ERROR"


def test_only_the_last_segments_are_sent_again_and_none_is_missed(
    server: str, talk: Samples, expected: list[tuple[str, str, str]]
) -> None:
    with joined(server, send_last_n_segments=2, language="en", model="default") as client:
        client.sound(talk)
        client.socket.send("END_OF_AUDIO")
        client.rest()
    assert client.completed == expected
    assert max(sum(row["completed"] for row in shown) for shown in client.lists) == 2
    assert not any("language" in m for m in client.told)
    assert not client.warnings


def test_speakers_and_words_are_told_where_they_are_wanted(
    server: str, talk: Samples, expected: list[tuple[str, str, str]]
) -> None:
    with joined(server, enable_diarization=True, word_timestamps=True, send_last_n_segments=100) as client:
        client.sound(talk)
        client.socket.send("END_OF_AUDIO")
        client.rest()
    last = client.lists[-1]
    assert [row["text"] for row in last] == [text for text, *_ in expected]
    assert {row.get("speaker") for row in last} >= {"SPEAKER_00", "SPEAKER_01"}
    for row in last:
        assert "".join(word["word"] for word in row["words"]) == row["text"]
        assert all(isinstance(word["start"], str) for word in row["words"])


def test_integers_of_16_bit_are_heard_too(server: str, talk: Samples, expected: list[tuple[str, str, str]]) -> None:
    with joined(server, audio_format="int16") as client:
        client.socket.send((np.clip(talk[: 16_000 * 6], -1, 1) * 32767).astype("<i2").tobytes())
        client.socket.send("END_OF_AUDIO")
        client.rest()
    assert [text for text, *_ in client.completed][:2] == [text for text, *_ in expected][:2]


def test_text_comes_without_an_end_where_the_sound_stops(server: str, talk: Samples) -> None:
    with joined(server) as client:
        client.sound(talk[: 16_000 * 3])  # ends within an utterance
        while not any(float(end) > 2.5 for _, _, end in client.completed):
            client.next()
        before = len(client.completed)
        client.sound(talk[16_000 * 3 : 16_000 * 9])
        client.socket.send("END_OF_AUDIO")
        client.rest()
    assert len(client.completed) > before, "the session goes on"


@pytest.mark.parametrize(
    ("first", "says"),
    [
        (b"\0" * 64, "first message"),
        ("no json", "first message"),
        ('["uid"]', "first message"),
        ('{"language": "en"}', "uid"),
        (json.dumps(HELLO | {"task": "dance"}), "task"),
        (json.dumps(HELLO | {"send_last_n_segments": 0}), "send_last_n_segments"),
        (json.dumps(HELLO | {"audio_format": "opus"}), "audio_format"),
        (json.dumps(HELLO | {"language": "fr"}), "does not know the language 'fr'"),
        (json.dumps(HELLO | {"vad_parameters": {"min_silence_duration_ms": 1}}), "silence"),
    ],
)
def test_what_is_wrong_is_an_error_and_the_end(server: str, first: str | bytes, says: str) -> None:
    with connect(server.replace("http", "ws") + "/") as socket:
        socket.send(first)
        told = json.loads(socket.recv(30))
        while "status" not in told:
            told = json.loads(socket.recv(30))
        assert (told["status"], says in told["message"]) == ("ERROR", True), told
        with pytest.raises(ConnectionClosed):
            socket.recv(30)


def test_wrong_text_between_the_sound_costs_nothing_that_was_said(server: str, talk: Samples) -> None:
    with joined(server) as client:
        client.sound(talk[: 16_000 * 3])
        client.socket.send("hello?")
        assert client.rest() == 1008
    assert client.told[-1]["status"] == "ERROR"
    assert float(client.completed[-1][2]) > 2.5, "the open utterance was told first"


def test_options_without_effect_are_told_and_defaults_are_not() -> None:
    assert without_effect(parsed(json.dumps(HELLO))) == ()
    given = {"use_vad": False, "enable_translation": True, "vad_parameters": {"threshold": 0.4, "onset": 1}, "fancy": 1}
    found = without_effect(parsed(json.dumps(HELLO | given)))
    assert found == ("use_vad", "enable_translation", "fancy", "vad_parameters.onset")


def test_a_full_server_tells_how_many_minutes_to_wait(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, live_sessions=0, preload=False, log_level="error")
    with running(settings) as address, connect(address.replace("http", "ws") + "/") as socket:
        socket.send(json.dumps(HELLO))
        told = json.loads(socket.recv(30))
        assert (told["uid"], told["status"]) == (HELLO["uid"], "WAIT")
        assert 0 < told["message"] < 10
        with pytest.raises(ConnectionClosed):
            socket.recv(30)


def test_a_session_that_the_server_ends_is_told_to_disconnect(tmp_path: Path, talk: Samples) -> None:
    with running(config.load(home=tmp_path, live_idle_s=1, log_level="error")) as address:
        with joined(address) as client:
            client.sound(talk[: 16_000 * 3])
            assert client.rest() == 1000
        assert client.told[-1] == {"uid": HELLO["uid"], "message": "DISCONNECT"}
        assert float(client.completed[-1][2]) > 2.5


def test_a_client_that_vanishes_leaves_nothing_behind(server: str, talk: Samples) -> None:
    def here() -> float:
        found = re.search(r"^earwitness_live_sessions (\S+)", httpx.get(f"{server}/metrics").text, re.MULTILINE)
        return float(found[1]) if found else -1.0

    before = here()
    with joined(server) as client:
        client.sound(talk[: 16_000 * 2])
        assert here() == before + 1
        client.socket.socket.close()
    for _ in range(100):
        if here() <= before:
            return
        time.sleep(0.1)
    raise AssertionError("the session is still there")


def test_keys_come_as_a_subprotocol_or_in_the_address(tmp_path: Path) -> None:
    with running(config.load(home=tmp_path, api_key="sesame", preload=False, log_level="error")) as address:
        url = address.replace("http", "ws")
        for path in ("/", "/?token=sesam", "/ws?token=sesame"):
            with pytest.raises(InvalidStatus, match="401"), connect(url + path):
                pass
        with connect(f"{url}/?token=sesame"):
            pass
        with connect(f"{url}/", subprotocols=[Subprotocol("bearer"), Subprotocol("sesame")]) as socket:
            assert socket.subprotocol == "bearer"


@pytest.mark.parametrize("origin", ["null", "file://", "https://evil.example", "http://[bad"])
def test_pages_of_nowhere_may_not_listen(server: str, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="401"), connect(server.replace("http", "ws"), origin=Origin(origin)):
        pass


def test_an_installed_extension_may(server: str) -> None:
    with connect(server.replace("http", "ws"), origin=Origin("chrome-extension://abcdefgh")):
        pass


# ── what a client makes of it ──
def final(number: int, text: str, start_s: float, end_s: float, speaker: str | None = None) -> Final:
    return Final(number, number, Segment(start_s, end_s, text, speaker=speaker))


def seen(events: Sequence[object]) -> tuple[list[str], str | None]:
    """The transcript and the last draft that the official client keeps, by its own rules."""
    screen, transcript, draft = Screen(10), list[Row](), None
    for event in events:
        for shown in screen.after(event):  # type: ignore[arg-type]
            text = list[str]()
            for at, row in enumerate(shown):
                assert isinstance(row, dict)
                if not text or text[-1] != row["text"]:
                    text.append(str(row["text"]).strip())
                    if at == len(shown) - 1 and not row["completed"]:
                        draft = str(row["text"])
                    elif row["completed"] and (
                        not transcript or float(str(row["start"])) >= float(transcript[-1]["end"])
                    ):
                        transcript.append(row)
    return [row["text"] for row in transcript], draft


def test_a_draft_that_turned_out_otherwise_is_no_text_in_the_end() -> None:
    assert seen([Partial(1, "I", "scream", 0, 1), final(1, "Ice cream.", 0, 1)]) == ([" Ice cream."], " Ice cream.")


def test_a_draft_that_was_held_back_is_withdrawn() -> None:
    said = final(1, "Yes.", 0, 1)
    assert seen([said, Partial(2, "", "Bye", 2, 3), Settled(2, 2, 3)]) == ([" Yes."], " Yes.")
    assert seen([Partial(1, "", "Bye", 2, 3), Settled(1, 2, 3)]) == ([], "")


def test_the_same_words_said_twice_are_there_twice() -> None:
    assert seen([final(1, "No.", 0, 1), final(2, "No.", 1, 2)])[0] == [" No.", " No."]


def test_segments_that_touch_are_not_dropped_for_a_rounding() -> None:
    assert seen([final(1, "A.", 0, 1.0006), final(2, "B.", 1.0004, 2)])[0] == [" A.", " B."]


def test_the_draft_of_the_next_utterance_stays_behind_a_late_final() -> None:
    screen = Screen(10)
    screen.after(Partial(2, "next", "", 2, 3))
    (shown,) = screen.after(final(1, "Late.", 0, 1))
    assert [row["text"] for row in shown if isinstance(row, dict)] == [" Late.", " next"]


def test_speakers_are_corrected_and_named_on_what_is_still_shown() -> None:
    screen = Screen(1)
    screen.after(final(1, "A.", 0, 1))
    screen.after(final(2, "B.", 1, 2))
    assert screen.after(Revised(1, 1, "speaker", Segment(0, 1, "A.", speaker="S1"))) == []
    (shown,) = screen.after(Revised(2, 1, "speaker", Segment(1, 2, "B.", speaker="S2")))
    assert isinstance(shown[0], dict)
    assert shown[0]["speaker"] == "SPEAKER_01"
    (shown,) = screen.after(Named(Speaker("S2", name="Nell")))
    assert isinstance(shown[0], dict)
    assert shown[0]["speaker"] == "Nell"


# ── the official client ──
def run(tmp_path: Path, how: str, address: str, source: Path) -> Row:
    words = [sys.executable, str(CLIENT), how, address.rpartition(":")[2], str(source)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


@official
def test_the_official_streaming_client_commits_the_text_of_the_file(
    server: str, talk: Samples, expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    source = tmp_path / "talk.raw"
    source.write_bytes(talk.astype("<f4").tobytes())
    found = run(tmp_path, "stream", server, source)
    assert [(s["text"], s["start"], s["end"]) for s in found["committed"]] == expected


@official
def test_the_official_file_client_writes_the_text_as_subtitles(
    server: str, talk: Samples, expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    source = tmp_path / "talk.wav"
    with wave.open(str(source), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes((np.clip(talk[: 16_000 * 8], -1, 1) * 32767).astype("<i2").tobytes())
    found = run(tmp_path, "file", server, source)
    cues = list(srt.parse((tmp_path / "output.srt").read_text()))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert [cue.content.strip() for cue in cues[:-1]] == [text.strip() for text, *_ in expected[: len(cues) - 1]]
    assert cues[-1].end.total_seconds() > 7, "the sentence that the file breaks off in is there"
    assert found["text"].split() == " ".join(cue.content for cue in cues).split()
