"""Transcripts as plain lines: txt, tsv and rttm."""

from earwitness.export import labels
from earwitness.export.layout import Layout
from earwitness.types import Transcript


def txt(transcript: Transcript) -> str:
    """One sentence a line, with its speaker where they were told apart; empty for a recording without speech."""
    lines = (" ".join(s.text.split()) for s in transcript.segments)
    if not labels.told_apart(transcript):
        return "".join(f"{line}\n" for line in lines)
    names = labels.names(transcript)
    said_by = (names.get(s.speaker or "", labels.UNKNOWN) for s in transcript.segments)
    return "".join(f"{name}: {line}\n" for name, line in zip(said_by, lines, strict=True))


def tsv(transcript: Transcript) -> str:
    """A header and one segment a line: start and end in whole milliseconds, and the text without tabs.

    Where speakers were told apart, a last column names them.
    """
    apart, names = labels.told_apart(transcript), labels.names(transcript)
    rows = (
        f"{round(s.start_s * 1000)}\t{round(s.end_s * 1000)}\t{' '.join(s.text.split())}"
        + (f"\t{names.get(s.speaker or '', '')}\n" if apart else "\n")
        for s in transcript.segments
    )
    return ("start\tend\ttext\tspeaker\n" if apart else "start\tend\ttext\n") + "".join(rows)


def rttm(transcript: Transcript, layout: Layout) -> str:
    """Who spoke when, a turn a line, overlapping ones too; times in seconds. Spaces in names become underscores.

    Source: NIST, the RT-09 evaluation plan, appendix A.
    """
    recording = "_".join(layout.recording.split()) or "recording"
    names = labels.names(transcript)
    return "".join(
        f"SPEAKER {recording} 1 {t.start_s:.3f} {t.end_s - t.start_s:.3f} <NA> <NA> "
        f"{names[t.speaker].replace(' ', '_') or labels.UNKNOWN} <NA> <NA>\n"
        for t in transcript.turns
    )
