"""Live sessions and the people who are known: names come while one speaks, and go when a person is forgotten."""

from pathlib import Path

import httpx

from earwitness import config
from earwitness.audio import decode
from support import sounds
from support.server import running
from support.sockets import joined

LINE = slice(4 * 16_000, 8 * 16_000)
"""Where Nagg alone says a sentence."""


def test_who_is_forgotten_while_a_session_runs_is_nobody_again(tmp_path: Path, sample: Path) -> None:
    own, talk = config.load(home=tmp_path, preload=False, log_level="error"), decode.decode(sample).samples
    with running(own) as address, httpx.Client(base_url=address, timeout=60) as http:
        clip = {"file": ("nagg.wav", sounds.wav(talk[LINE]))}
        nagg = http.post("/api/speakers", data={"name": "Nagg"}, files=clip).json()["id"]
        with joined(address, speakers=True, keep=True) as client:
            client.sound(talk[: 13 * 16_000])
            client.say(type="flush", id="half")
            named = client.until("named")["speaker"]
            assert (named["name"], named["person"], named["voice"]) == ("Nagg", nagg, [])
            assert http.delete(f"/api/speakers/{nagg}").status_code == 200
            client.sound(talk[: 8 * 16_000])
            client.say(type="end")
            client.until("ended")
        (gone,) = [m["speaker"] for m in client.told if m["type"] == "named"][1:]
        assert (gone["id"], gone["name"], gone["person"]) == (named["id"], None, None)
        assert [m for m in client.told if m["type"] == "failed"] == []
        (card,) = http.get("/api/recordings").json()["recordings"]
        assert card["state"] == "whole"
        speakers = http.get(f"/api/recordings/{card['id']}").json()["speakers"]
        assert {(s["name"], s["person"]) for s in speakers} == {(None, None)}
    assert b"Nagg" not in (tmp_path / "archive.db").read_bytes()
