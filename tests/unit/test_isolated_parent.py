"""The process of an isolated engine ends with the one that started it."""

import subprocess
import sys
import time

import pytest

from support import awful


@pytest.fixture(autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    awful.installed(tmp_path_factory.mktemp("awful"), monkeypatch)


SCRIPT = """
import sys, threading, time
from earwitness.models.isolated import Apart
from earwitness.types import Ask, Audio, Clip, Device
from support import awful, sounds
one = Apart(awful.spec).load(awful.FILES, Device("cpu", "test"), awful.Options())
clip = lambda deed: Clip(Audio(sounds.tone(0.1)), Ask(prompt=deed))
threading.Thread(target=one.transcribe, args=([clip(sys.argv[1])],), daemon=True).start()
print(one._process._process.pid, flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the end of the pipe tells")
@pytest.mark.parametrize("deed", ["", "sleep:1000", "hang"])
@pytest.mark.parametrize("end", ["killed", "ended"])
def test_the_process_ends_with_its_parent_however_that_ends(deed: str, end: str) -> None:
    stays_s = "1000" if end == "killed" else "0.5"
    with subprocess.Popen([sys.executable, "-c", SCRIPT, deed, stays_s], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if end == "killed":
            time.sleep(0.3)
            parent.kill()
        parent.wait(awful.WAIT_S)
    assert awful.gone(pid, orphan=True)
