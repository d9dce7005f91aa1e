"""What is counted: recordings, jobs, live sessions and hooks show at `/metrics`, by the names that others watch."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from typing_extensions import override

from earwitness import config
from earwitness.__about__ import __version__
from earwitness.audio import decode
from earwitness.kit import Kit
from support.faults import Shared, ended, until
from support.server import housed
from support.sockets import joined


def figures(address: str) -> dict[str, dict[str, float]]:
    """All samples: by name, then by the values of the labels."""
    found = dict[str, dict[str, float]]()
    for family in text_string_to_metric_families(httpx.get(f"{address}/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[",".join(sample.labels.values())] = sample.value
    return found


class _Hears(BaseHTTPRequestHandler):
    @override
    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()


def test_what_is_done_is_counted(kit: Kit, tmp_path: Path, sample: Path) -> None:
    settings = config.load(home=tmp_path, log_level="error", preload=False, keep_live=True, allow_private_urls=True)
    with housed(settings, Shared(kit)) as (address, house), HTTPServer(("127.0.0.1", 0), _Hears) as hook:  # type: ignore[arg-type]
        threading.Thread(target=hook.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        made = httpx.post(f"{address}/api/hooks", json={"url": f"http://127.0.0.1:{hook.server_port}/"}).json()
        job = {"files": {"file": ("a.wav", sample.read_bytes())}}
        httpx.post(f"{address}/api/jobs", **job).raise_for_status()  # type: ignore[arg-type]
        with joined(address, drafts=False) as client:
            client.sound(decode.decode(sample, to_s=12.0).samples)
            ended(client)
        until(lambda: httpx.get(f"{address}/api/jobs").json()["states"] == {"done": 1})
        until(lambda: figures(address).get("earwitness_deliveries_total") == {f"sent,{made['id']}": 1})
        house.figures.look()
        found = figures(address)
        hook.shutdown()
    live, recordings = found["earwitness_segments_total"]["live"], found["earwitness_segments_total"]["recordings"]
    assert live == len(client.finals)
    assert recordings > live
    assert found["earwitness_speech_seconds_total"]["recordings"] > found["earwitness_speech_seconds_total"]["live"] > 3
    assert found["earwitness_asr_rtf_count"] == {"": 1}
    assert found["earwitness_caption_latency_seconds_count"][""] == len(
        [m for m in client.told if m["type"] == "settled"]
    )
    assert found["earwitness_jobs"] == {"done": 1}
    assert set(found["earwitness_disk_bytes"]) == {"database", "free"}
    assert found["earwitness_build_info"] == {__version__: 1}
    assert found["earwitness_asr_queue_seconds"] == {"": 0}
