"""Wyoming's door, by its own client: Home Assistant's cycle, other sound, who may come, how it is found."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioStart, AudioStop
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncZeroconf

from earwitness import batch, config
from earwitness.api.app import create
from earwitness.api.live import wyoming
from earwitness.audio import decode
from earwitness.errors import BadInput, Missing, Unauthorized
from earwitness.kit import Kit
from earwitness.stages.recipe import Recipe, live
from earwitness.types import Samples
from support.assistant import RATE, chunks, heard, joined, rest, until, whole
from support.server import running
from support.sockets import free_port


@pytest.fixture(scope="module")
def talk(sample: Path) -> Samples:
    """The sample conversation."""
    return decode.decode(sample).samples


@pytest.fixture(scope="module")
def expected(talk: Samples, tmp_path_factory: pytest.TempPathFactory, kit: Kit) -> list[str]:
    """What is said in it, in the 16 bits that are sent, heard as a file by the same recipe."""
    raw = tmp_path_factory.mktemp("talk") / "talk.au"
    head = b".snd" + b"".join(n.to_bytes(4, "big") for n in (24, 0xFFFFFFFF, 3, RATE, 1))
    raw.write_bytes(head + whole(talk).astype(">i2").tobytes())
    return [s.text for s in batch.run(raw, live(Recipe()), kit).segments]


def test_home_assistants_cycle(port: int, talk: Samples, expected: list[str]) -> None:
    async def cycle() -> None:
        async with joined(port) as client:
            await client.write_event(Describe().event())
            info = Info.from_event((await until(client, "info"))[-1])
        (program,) = info.asr
        assert program.supports_transcript_streaming
        assert program.models[0].languages == ["en"]
        async with joined(port) as client:
            await client.write_event(Transcribe(name=program.models[0].name, language="en").event())
            for event in chunks(talk):
                await client.write_event(event)
            told = await until(client, "transcript-stop")
        kinds = [e.type for e in told]
        assert kinds == ["transcript-start", *["transcript-chunk"] * len(expected), "transcript", "transcript-stop"]
        found = Transcript.from_event(told[-2])
        assert (found.text, found.language) == (" ".join(expected), "en")
        assert "".join(TranscriptChunk.from_event(e).text for e in told[1:-2]) == found.text
        assert TranscriptStart.from_event(told[0]).language == "en"
        assert TranscriptStop.is_type(told[-1].type)

    asyncio.run(cycle())


def test_text_comes_while_it_is_spoken_and_one_connection_may_ask_again(port: int, talk: Samples) -> None:
    async def twice() -> None:
        async with joined(port) as client:
            for _ in range(2):
                start, *sound, stop = chunks(talk[: RATE * 8])
                for event in (start, *sound):
                    await client.write_event(event)
                first = (await until(client, "transcript-chunk"))[-1]
                await client.write_event(Ping("there?").event())
                await until(client, "pong")
                await client.write_event(stop)
                told = await until(client, "transcript-stop")
                assert Transcript.from_event(told[-2]).text.startswith(TranscriptChunk.from_event(first).text)

    asyncio.run(twice())


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 2), (3, 1), (4, 1)])
def test_other_widths_and_channels_are_heard(port: int, talk: Samples, width: int, channels: int) -> None:
    found = asyncio.run(heard(port, *chunks(talk[: RATE * 3], width=width, channels=channels)))
    assert "do you hear me" in found.text.lower()


def test_other_rates_are_heard(port: int, talk: Samples) -> None:
    slow = np.interp(np.arange(0, RATE * 3, RATE / 22_050), np.arange(RATE * 3), talk[: RATE * 3]).astype(np.float32)
    found = asyncio.run(heard(port, *chunks(slow, rate=22_050)))
    assert "do you hear me" in found.text.lower()


def test_several_connections_share_the_model(house: tuple[int, str], talk: Samples) -> None:
    port, address = house

    async def together() -> list[Transcript]:
        return await asyncio.gather(*(heard(port, *chunks(talk[: RATE * 4])) for _ in range(4)))

    found = asyncio.run(together())
    assert len({t.text for t in found}) == 1
    assert "earwitness_loaded_models 1.0" in httpx.get(f"{address}/metrics").text


def test_no_sound_is_no_text(port: int) -> None:
    assert asyncio.run(heard(port, AudioStop().event())).text == ""
    assert asyncio.run(heard(port, AudioStart(RATE, 2, 1).event(), AudioStop().event())).text == ""


def test_a_client_that_closes_its_side_is_given_the_text(port: int, talk: Samples) -> None:
    async def half() -> list[Event]:
        async with joined(port) as client:
            for event in list(chunks(talk[: RATE * 3]))[:-1]:
                await client.write_event(event)
            assert client._writer is not None
            client._writer.write_eof()
            return await rest(client)

    assert "do you hear me" in Transcript.from_event(asyncio.run(half())[-2]).text.lower()


def test_what_has_no_effect_stands_in_the_context(port: int, talk: Samples) -> None:
    asked = Transcribe(vad_sensitivity="relaxed", transcript_names=["Nell"])
    found = asyncio.run(heard(port, asked.event(), *chunks(talk[: RATE * 2])))
    assert found.context is not None
    told = "; ".join(found.context["notices"])
    assert "vad_sensitivity" in told
    assert "hotwords" in told


def test_strangers_are_let_in_only_where_somebody_says_so(tmp_path: Path) -> None:
    settings = config.load(home=tmp_path, host="0.0.0.0", wyoming_port=10300, api_key="sesame")
    with pytest.raises(Unauthorized, match="Wyoming knows no keys"):
        wyoming.check(settings)
    wyoming.check(settings.model_copy(update={"wyoming_open": True}))


def test_serve_refuses_too(tmp_path: Path) -> None:
    found = {
        "EARWITNESS_HOME": str(tmp_path),
        "EARWITNESS_API_KEY": "k",
        "EARWITNESS_WYOMING_PORT": "10300",
        "PATH": "",
    }
    command = [sys.executable, "-m", "earwitness", "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, env=found, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "EARWITNESS_WYOMING_OPEN" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wyoming, "find_spec", lambda name: None)
    with pytest.raises(Missing, match="wyoming") as caught:
        wyoming.check(config.load(home=tmp_path, wyoming_port=10300))
    assert "earwitness[wyoming]" in caught.value.remedy


def test_a_port_that_is_taken_is_named(tmp_path: Path, house: tuple[int, str]) -> None:
    app = create(config.load(home=tmp_path, wyoming_port=house[0], preload=False, log_level="error"))

    async def start() -> None:
        async with wyoming.listening(app.state.house):
            pass

    with pytest.raises(BadInput, match="for Wyoming"):
        asyncio.run(start())
    app.state.house.kit.close()


def test_it_is_found_by_zeroconf(tmp_path: Path) -> None:
    port = free_port()

    async def look() -> tuple[int | None, list[str]]:
        found: asyncio.Queue[str] = asyncio.Queue()

        def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change is ServiceStateChange.Added:
                found.put_nowait(name)

        async with AsyncZeroconf(interfaces=["127.0.0.1"]) as network:
            browser = AsyncServiceBrowser(network.zeroconf, wyoming.SERVICE, handlers=[changed])
            name = await asyncio.wait_for(found.get(), 20)
            service = await network.async_get_service_info(wyoming.SERVICE, name)
            await browser.async_cancel()
        assert service is not None
        return service.port, service.parsed_addresses()

    with running(
        config.load(home=tmp_path, wyoming_port=port, wyoming_zeroconf=True, preload=False, log_level="error")
    ):
        assert asyncio.run(look()) == (port, ["127.0.0.1"])
