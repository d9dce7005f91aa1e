"""Two servers on one home and one SQLite file: each sees what the other does, and nothing is done twice."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from earwitness import config
from earwitness.api.live import storeroom
from earwitness.kit import Kit
from support.faults import Shared, ended, until
from support.server import running
from support.sockets import joined
from support.voices import hearer
from support.watching import watching

from .test_jobs import MODEL, talk

PASSWORD = "tall ships over quiet water"


@pytest.fixture
def two(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients of both."""
    settings = config.load(home=tmp_path, log_level="error", preload=False, jobs_at_once=getattr(request, "param", 1))
    with (
        running(settings, hearer(settings)) as one,
        running(settings, hearer(settings)) as other,
        httpx.Client(base_url=one, timeout=60) as first,
        httpx.Client(base_url=other, timeout=60) as second,
    ):
        yield first, second


def test_each_job_is_done_once_whoever_took_it(two: tuple[httpx.Client, httpx.Client]) -> None:
    made = [
        http.post("/api/jobs", files={"file": ("a.wav", talk(1.0 + n / 10, peak=peak))}, data=MODEL).json()["id"]
        for n in range(6)
        for http, peak in zip(two, (0.4, 0.6), strict=True)
    ]
    until(lambda: two[0].get("/api/jobs").json()["states"] == {"done": len(made)})
    told = two[1].get("/api/jobs").json()
    assert {job["id"] for job in told["jobs"]} == set(made)
    assert [job["tries"] for job in told["jobs"]] == [1] * len(made)
    recordings = two[1].get("/api/recordings").json()["recordings"]
    assert sorted(r["id"] for r in recordings) == sorted(job["recording"] for job in told["jobs"])


def test_what_one_is_told_counts_with_the_other_at_once(two: tuple[httpx.Client, httpx.Client]) -> None:
    first, second = two
    assert second.get("/v1/models").status_code == 200
    assert first.post("/api/setup", json={"name": "Anna", "password": PASSWORD}).status_code == 201
    assert second.get("/v1/models").status_code == 401
    cookie = {"cookie": f"earwitness={first.cookies['earwitness']}"}
    assert second.get("/api/me", headers=cookie).status_code == 200
    assert first.post("/api/logout").status_code == 200
    assert second.get("/api/me", headers=cookie).status_code == 401


@pytest.mark.parametrize("two", [0], indirect=True)
def test_what_happens_at_one_is_told_by_the_other(two: tuple[httpx.Client, httpx.Client]) -> None:
    first, second = two
    with watching(str(second.base_url).rstrip("/"), "?topics=jobs") as stream:
        made = first.post("/api/jobs", json=MODEL | {"url": "https://93.184.215.14/a"}).json()
        assert stream.next().data["about"]["jobs"] == [made["id"]]


@pytest.mark.parametrize("two", [0], indirect=True)
def test_thousands_come_at_once_and_both_list_them(two: tuple[httpx.Client, httpx.Client]) -> None:
    urls = [f"https://93.184.215.14/{n}.wav" for n in range(10_001)]
    assert two[0].post("/batch/process", json=MODEL | {"urls": urls}).status_code == 400
    made = two[0].post("/batch/process", json=MODEL | {"urls": urls[:3000]})
    assert made.status_code == 201
    batch = made.json()["batch"]
    assert two[1].get(f"/api/batches/{batch}").json()["states"] == {"waiting": 3000}
    page = two[1].get("/api/jobs", params={"batch": batch, "limit": 200}).json()
    assert (len(page["jobs"]), page["next"] is not None) == (200, True)


def test_a_live_session_at_work_is_not_taken_up_by_the_other(
    kit: Kit, tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from earwitness.audio import decode

    monkeypatch.setattr(storeroom, "AGAIN_S", 0.2)
    sound = decode.decode(sample, to_s=12.0).samples
    settings = config.load(home=tmp_path, log_level="error", preload=False, keep_live=True)
    with running(settings, Shared(kit)) as one, joined(one) as client:  # type: ignore[arg-type]
        client.sound(sound[: 16_000 * 8])
        client.until("final")
        with running(settings, Shared(kit)) as other:  # type: ignore[arg-type]
            until(lambda: httpx.get(f"{other}/readyz").status_code == 200)
            client.sound(sound[16_000 * 8 :])
            said = ended(client)
            (card,) = httpx.get(f"{other}/api/recordings").json()["recordings"]
            assert card["state"] == "whole"
            assert httpx.get(f"{other}/api/recordings/{card['id']}/export").text.split() == said.split()
