"""Many clients and few places: identical uploads share one work, work ends with its clients, a full house says so."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI
from typing_extensions import override

from earwitness import config
from earwitness.engines.fake import Fake, Options
from earwitness.errors import EngineFailed
from earwitness.kit import Kit
from earwitness.models.lane import Lane
from earwitness.types import Clip, Plan, Segment
from support.server import running

URL = "/v1/audio/transcriptions"


class Held(Fake):
    """The test double, held back until it is let go."""

    def __init__(self) -> None:
        super().__init__(Options())
        self.begun, self.go = threading.Event(), threading.Event()
        self.breaks_after_s = 1000.0

    @override
    def transcribe(self, clips: Sequence[Clip]) -> list[tuple[Segment, ...]]:
        self.begun.set()
        assert self.go.wait(30), "nobody let the engine go"
        if max(clip.audio.end_s for clip in clips) > self.breaks_after_s:
            raise EngineFailed("the double was told to fail")
        return super().transcribe(clips)


class HeldKit(Kit):
    """A kit whose only engine is held."""

    def __init__(self, settings: config.Settings) -> None:
        super().__init__(settings)
        self.engine = Held()

    @override
    def load(self, plan: Plan) -> Lane:
        return Lane(self.engine, workers=1)


@dataclass
class Served:
    """A running server with a held engine."""

    address: str
    engine: Held
    http: httpx.Client
    scratch: Path
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    def post(self, sample: Path, key: str = "none", **fields: str) -> httpx.Response:
        """A request with the fake model."""
        headers = {"authorization": f"Bearer {key}"}
        with sample.open("rb") as file:
            return self.http.post(URL, files={"file": file}, data={"model": "fake"} | fields, headers=headers)

    def leave_early(self, sample: Path, **fields: str) -> None:
        """A request whose client goes away before the answer."""
        with (
            httpx.Client(base_url=self.address, timeout=1.0) as hasty,
            sample.open("rb") as file,
            pytest.raises(httpx.ReadTimeout),
        ):
            hasty.post(URL, files={"file": file}, data={"model": "fake"} | fields)

    def gauge(self, name: str) -> float:
        """A metric without labels."""
        lines = self.http.get("/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


@contextmanager
def serving(folder: Path, **given: object) -> Iterator[Served]:
    settings = config.load(home=folder, preload=False, log_level="error", **given)
    kit = HeldKit(settings)
    try:
        with running(settings, kit) as address, httpx.Client(base_url=address, timeout=60) as http:
            yield Served(address, kit.engine, http, settings.scratch)
            kit.engine.go.set()
    finally:
        kit.engine.go.set()


def soon(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_identical_uploads_share_one_work(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        asked = [served.pool.submit(served.post, sample) for _ in range(3)]
        soon(lambda: served.gauge("earwitness_shared_uploads_total") == 2, "the uploads were not shared")
        assert served.gauge("earwitness_running") == 1
        served.engine.go.set()
        texts = {one.result().json()["text"] for one in asked}
        assert len(texts) == 1
        assert texts.pop()
        assert served.gauge("earwitness_running") == 0
        assert list(served.scratch.glob("upload-*")) == []


def test_another_recipe_or_another_key_is_another_work(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        asked = [
            served.pool.submit(served.post, sample),
            served.pool.submit(served.post, sample, temperature="0.5"),
            served.pool.submit(served.post, sample, key="other"),
        ]
        soon(lambda: served.gauge("earwitness_running") == 3, "the works were shared")
        served.engine.go.set()
        assert {one.result().status_code for one in asked} == {200}


@pytest.mark.parametrize("stream", ["false", "true"])
def test_work_ends_when_its_client_goes_away(tmp_path: Path, sample: Path, stream: str) -> None:
    with serving(tmp_path) as served:
        served.leave_early(sample, stream=stream)
        assert served.engine.begun.is_set()
        served.engine.go.set()
        soon(lambda: served.gauge("earwitness_running") == 0, "the work went on")
        clips = sum(served.engine.calls)
        assert clips < 12, "all of the recording was recognised for nobody"
        assert list(served.scratch.glob("upload-*")) == []


def test_one_of_two_clients_may_leave(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        staying = served.pool.submit(served.post, sample)
        soon(served.engine.begun.is_set, "the work did not begin")
        served.leave_early(sample)
        served.engine.go.set()
        assert staying.result().json()["text"]


def test_a_full_house_says_when_to_come_back(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path, seats=1) as served:
        first = served.pool.submit(served.post, sample)
        soon(served.engine.begun.is_set, "the work did not begin")
        refused = served.post(sample, temperature="0.1")
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "busy"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-should-retry"] == "true"
        assert served.http.get("/livez").status_code == 200
        served.engine.go.set()
        assert first.result().status_code == 200


def test_the_official_client_comes_back_by_itself(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path, seats=1) as served:
        first = served.pool.submit(served.post, sample)
        soon(served.engine.begun.is_set, "the work did not begin")
        hasty = OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0)
        with hasty, pytest.raises(openai.InternalServerError) as caught:
            hasty.audio.transcriptions.create(file=sample, model="fake", language="de")
        assert caught.value.status_code == 503
        with OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=5) as patient:
            second = served.pool.submit(patient.audio.transcriptions.create, file=sample, model="fake", language="de")
            time.sleep(0.5)
            served.engine.go.set()
            assert second.result().text
        assert first.result().status_code == 200


def test_a_broken_engine_is_a_server_error_and_is_not_retried(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        served.engine.breaks_after_s = 0.0
        served.engine.go.set()
        found = served.post(sample)
        assert found.status_code == 500
        assert found.json()["error"]["code"] == "engine_failed"
        assert found.json()["error"]["type"] == "server_error"
        assert found.headers["x-should-retry"] == "false"
        served.engine.breaks_after_s = 1000.0
        assert served.post(sample).status_code == 200


def test_a_stream_that_breaks_ends_with_an_error_event(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        served.engine.breaks_after_s = 20.0
        served.engine.go.set()
        seen: list[str] = []
        with OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0) as client:
            events = client.audio.transcriptions.create(file=sample, model="fake", stream=True)
            with pytest.raises(openai.APIError, match="double was told to fail"):
                seen.extend(event.type for event in events)
        assert set(seen) == {"transcript.text.delta"}


def test_stopping_the_server_ends_the_work(tmp_path: Path, sample: Path) -> None:
    with serving(tmp_path) as served:
        asked = served.pool.submit(served.post, sample)
        soon(served.engine.begun.is_set, "the work did not begin")
        served.engine.go.set()
    assert asked.exception() is not None or asked.result().status_code in {200, 499, 503}
    assert list(served.scratch.glob("upload-*")) == []
