"""Live sessions over plain requests."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from earwitness import batch
from earwitness.audio import decode
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


def send(http: httpx.Client, samples: Samples, **query: Any) -> httpx.Response:
    shown = {k: str(v).lower() if isinstance(v, bool) else v for k, v in query.items()}
    return http.post("/api/process-chunk", params=shown, content=np.asarray(samples, "<f4").tobytes())


def test_pieces_make_the_text_of_the_file(http: httpx.Client, talk: Samples, sample: Path, kit: Kit) -> None:
    answer = send(http, talk[:16_000], encoding="f32le").json()
    session, after, told = answer["session"], answer["seq"], list(answer["events"])
    for low in range(16_000, len(talk), 48_000):
        answer = send(http, talk[low : low + 48_000], session=session, after=after, encoding="f32le").json()
        after, told = max(after, answer["seq"]), told + answer["events"]
    answer = send(http, talk[:0], session=session, after=after, end=True).json()
    assert answer["over"]
    finals = [e["segment"] for e in told + answer["events"] if e["type"] == "final"]
    expected = batch.run(sample, live(Recipe()), kit).segments
    assert [(s["text"], s["start_s"], s["end_s"]) for s in finals] == [(s.text, s.start_s, s.end_s) for s in expected]
    again = send(http, talk[:0], session=session).json()
    assert again["over"], again
    assert again["text"] == " ".join(s.text for s in expected)


def test_a_flush_waits_for_the_text(http: httpx.Client, talk: Samples) -> None:
    answer = send(http, talk[: 16_000 * 3], encoding="f32le", flush=True).json()
    assert "hear me" in answer["text"].lower()
    assert answer["events"][-1]["type"] == "flushed"
    assert answer["position"] == 3.0
    assert not answer["over"]


def test_where_nothing_is_new_the_number_stays(http: httpx.Client, talk: Samples) -> None:
    first = send(http, talk[: 16_000 * 3], encoding="f32le", flush=True).json()
    for _ in range(2):
        answer = send(http, talk[:0], session=first["session"], after=first["seq"], encoding="f32le").json()
        assert (answer["seq"], answer["events"], answer["text"]) == (first["seq"], [], "")


def test_a_piece_whose_answer_was_lost_is_sent_again_and_heard_once(
    http: httpx.Client, talk: Samples, sample: Path, kit: Kit
) -> None:
    first = send(http, talk[:32_000], encoding="f32le").json()
    session, at_s = first["session"], first["position"]
    again = {"session": session, "encoding": "f32le", "position": at_s}
    send(http, talk[round(at_s * 16_000) : 64_000], **again)  # its answer is lost
    send(http, talk[round(at_s * 16_000) : 96_000], **again)
    hole = send(http, talk[:100], session=session, encoding="f32le", position=6.5)
    assert hole.status_code == 400
    assert "does not follow" in hole.json()["error"]
    answer = send(http, talk[:0], session=session, end=True).json()
    assert answer["position"] == 6.0
    assert answer["text"] == batch.run(sample, live(Recipe(to_s=6.0)), kit).text, at_s


def test_lists_come_as_fields_that_come_again(http: httpx.Client, talk: Samples) -> None:
    watch, languages = ["hear me", "good story"], ["en", "de"]
    body = talk[: 16_000 * 3].astype("<f4").tobytes()
    query = {"encoding": "f32le", "watch": watch, "languages": languages, "end": "true"}
    answer = http.post("/api/process-chunk", params=query, content=body).json()
    assert {e["phrase"] for e in answer["events"] if e["type"] == "spotted"} == {"hear me"}
    (noted,) = [e["notice"] for e in answer["events"] if e["type"] == "noted"]
    assert noted["code"] == "not_honoured"
    assert "languages" in noted["message"], "this model knows one language"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"wait": "soon"}, "wait"),
        ({"end": "perhaps"}, "end"),
        ({"rate": "fast"}, "rate"),
        ({"colour": "red"}, "colour"),
        ({"encoding": "cuneiform"}, "encoding"),
        ({"session": "0" * 32}, "no such session"),
        ({"position": "1"}, "does not follow"),
        ({"languages": ["en", "klingon!"]}, "language"),
        ({"languages": ["fr", "de"]}, "none of the languages"),
    ],
)
def test_bad_wishes_are_told(http: httpx.Client, query: dict[str, str | list[str]], says: str) -> None:
    answer = http.post("/api/process-chunk", params=query, content=b"")
    assert answer.status_code in {400, 404}
    assert says in answer.json()["error"].lower()


def test_too_much_at_once_is_refused(http: httpx.Client) -> None:
    assert http.post("/api/process-chunk", content=bytes(5 << 20)).status_code == 413
