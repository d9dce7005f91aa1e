"""`earwitness listen`: captions of a recording, with and without speakers, and what goes wrong."""

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from earwitness.audio import decode
from earwitness.cli import app
from earwitness.cli.captions import Screen
from earwitness.events import Failed, Final, Gap, Partial, Revised, Settled
from earwitness.types import Segment, Suppressed
from support import sounds
from support.stations import serving


def test_the_sample_is_captioned_with_its_two_speakers(sample: Path) -> None:
    told = CliRunner().invoke(app, ["listen", str(sample), "--fast", "--speakers"])
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert lines[0].startswith("00:00  S1  Do you hear me?")
    assert lines[1].startswith("00:01  S2  Yes")
    assert any("ditch" in line for line in lines)
    assert lines == sorted(lines, key=lambda line: line[:5])


def test_a_station_is_captioned_to_its_last_word(sample: Path) -> None:
    with serving(sample.read_bytes()) as url:
        told = CliRunner().invoke(app, ["listen", url])
    assert told.exit_code == 0, told.output
    assert "ditch" in told.output
    assert "broke off" in told.output
    assert "secret" not in told.output


def test_a_device_beside_another_source_is_refused(sample: Path) -> None:
    told = CliRunner().invoke(app, ["listen", str(sample), "--device", "1"])
    assert told.exit_code == 3


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["listen", str(tmp_path / "none.wav")])
    assert told.exit_code == 4


@pytest.mark.parametrize("wrong", ["0", "11", "x"])
def test_an_endpoint_that_can_not_be_is_refused(sample: Path, wrong: str) -> None:
    assert CliRunner().invoke(app, ["listen", str(sample), "--endpoint", wrong]).exit_code == 2


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False, soft_wrap=True)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_drafts_are_shown_below_final_text_and_go() -> None:
    console = terminal()
    with Screen(console, speakers=False) as screen:
        screen.show(Partial(1, "Do you", "hear", 0.0, 1.0), 0.0, 1.0)
        assert "Do you" in shown(console)
        screen.show(Final(1, 1, Segment(0.0, 1.2, "Do you hear me?")), 0.0, 1.7)
        screen.show(Settled(1, 0.0, 1.2), 2.5, 1.7)
        assert "late by 2.5 s" in shown(console)
    assert "Do you hear me?" in shown(console)


def test_what_is_missing_is_shown_with_its_reason() -> None:
    console = terminal()
    with Screen(console, speakers=True) as screen:
        screen.show(Gap(3.0, 5.5, "overload"), 0.0, 6.0)
        screen.show(Failed("engine_failed", "it [broke]", "Look."), 0.0, 6.0)
        screen.show(Settled(1, 6.0, 7.0, (Suppressed(6.0, 7.0, "foreign_or_unclear", "Guten Tag"),)), 0.0, 7.0)
    said = shown(console)
    assert "2.5 s were not heard: overload" in said
    assert "it [broke]" in said
    assert "foreign_or_unclear" in said


def test_a_correction_of_printed_text_is_told() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False, soft_wrap=True)
    with Screen(console, speakers=True) as screen:
        screen.show(Final(1, 1, Segment(0.0, 1.0, "One.")), 0.0, 1.0)
        screen.show(Revised(1, 1, "speaker", Segment(0.0, 1.0, "One.", speaker="S1")), 0.0, 1.5)
        screen.show(Revised(1, 2, "speaker", Segment(0.0, 1.0, "One.", speaker="S2")), 0.0, 9.0)
    assert shown(console).splitlines() == ["00:00  S1  One.", "00:00  that was S2"]


def test_a_person_known_here_is_named_and_a_stranger_is_not(sample: Path, tmp_path: Path) -> None:
    sound = decode.decode(sample).samples
    clip = tmp_path / "nell.wav"
    clip.write_bytes(sounds.wav(sound[round(4.8 * 16_000) : round(8.2 * 16_000)]))
    cli = CliRunner()
    assert cli.invoke(app, ["speakers", "enrol", "Nell", str(clip)]).exit_code == 0
    told = cli.invoke(app, ["listen", str(sample), "--fast", "--speakers"])
    assert told.exit_code == 0, told.output
    assert "S1 is Nell" in told.output
    assert "S2 is" not in told.output
