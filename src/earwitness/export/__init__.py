"""Transcripts on their way out: one function a format, chosen by name. Knows nothing of engines, doors or files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from earwitness.errors import BadInput
from earwitness.export import diarized, full, plain, subtitles, verbose
from earwitness.export.layout import Layout
from earwitness.types import Transcript


@dataclass(frozen=True, slots=True)
class Format:
    """One output format: its name, file extension and media type."""

    name: str
    extension: str
    media_type: str
    render: Callable[[Transcript, Layout], str]
    about: str
    speakers: bool = False
    """Whether there is nothing to write without speakers."""


def _plain(function: Callable[[Transcript], str]) -> Callable[[Transcript, Layout], str]:
    return lambda transcript, _: function(transcript)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        f.name: f
        for f in (
            Format("txt", "txt", "text/plain; charset=utf-8", _plain(plain.txt), "the words, a sentence a line"),
            Format("srt", "srt", "application/x-subrip; charset=utf-8", subtitles.srt, "SubRip subtitles"),
            Format("vtt", "vtt", "text/vtt; charset=utf-8", subtitles.vtt, "WebVTT subtitles"),
            Format("json", "json", "application/json", full.dumps, "everything, in a versioned schema"),
            Format(
                "verbose_json",
                "verbose.json",
                "application/json",
                _plain(verbose.dumps),
                "OpenAI's verbose_json",
            ),
            Format(
                "tsv",
                "tsv",
                "text/tab-separated-values; charset=utf-8",
                _plain(plain.tsv),
                "a table: start, end, text",
            ),
            Format(
                "rttm",
                "rttm",
                "text/plain; charset=utf-8",
                plain.rttm,
                "who spoke when, a turn a line",
                speakers=True,
            ),
            Format(
                "diarized_json",
                "diarized.json",
                "application/json",
                _plain(diarized.dumps),
                "OpenAI's `diarized_json`: who said what",
                speakers=True,
            ),
        )
    }
)


def find(name: str) -> Format:
    """The format of that name. Raises BadInput for one that does not exist."""
    try:
        return FORMATS[name.lower()]
    except KeyError:
        known = ", ".join(FORMATS)
        raise BadInput(f"there is no format {name!r}", remedy=f"Choose one of: {known}.", param="format") from None


def render(transcript: Transcript, name: str, layout: Layout | None = None) -> str:
    """A transcript as text of a format. `layout` is how subtitles are broken. Raises BadInput for an unknown format."""
    return find(name).render(transcript, layout or Layout())
