"""Transcripts as plain lines: txt and tsv."""

from earwitness.types import Transcript


def txt(transcript: Transcript) -> str:
    """One sentence a line; empty for a recording without speech."""
    return "".join(f"{' '.join(s.text.split())}\n" for s in transcript.segments)


def tsv(transcript: Transcript) -> str:
    """A header and one segment a line: start and end in whole milliseconds, and the text without tabs."""
    rows = (
        f"{round(s.start_s * 1000)}\t{round(s.end_s * 1000)}\t{' '.join(s.text.split())}\n" for s in transcript.segments
    )
    return "start\tend\ttext\n" + "".join(rows)
