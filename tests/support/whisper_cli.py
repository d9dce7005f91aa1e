"""A stand-in for whisper.cpp's `whisper-cli`: answers like it, or ends, hangs and babbles as its model's folder says.

    python whisper_cli.py @FILE-OF-WORDS

A file beside the model makes it misbehave: `dies` (its text is the code), `slow`, `babbles` (its text is the answer),
`says-nothing`. What it was told is added to `asked`, its process to `started`.
"""

import os
import sys
import time
from pathlib import Path

SAID = """{
\t"systeminfo": "none",
\t"result": {\n\t\t"language": "es"\n\t},
\t"transcription": [
\t\t{"timestamps": {"from": "00:00:00,200", "to": "00:00:01,000"}, "offsets": {"from": 200, "to": 1000},
\t\t "text": "?", "tokens": [
\t\t\t{"text": "[_BEG_]", "offsets": {"from": 0, "to": 0}, "id": 50364, "p": 0.9, "t_dtw": -1},
\t\t\t{"text": " Is", "offsets": {"from": 200, "to": 500}, "id": 1119, "p": 0.9, "t_dtw": -1},
\t\t\t{"text": " Bob", "offsets": {"from": 500, "to": 900}, "id": 6085, "p": 0.8, "t_dtw": -1},
\t\t\t{"text": "?", "offsets": {"from": 900, "to": 1000}, "id": 30, "p": 0.99, "t_dtw": -1}
\t\t]}
\t]
}
"""
"""What the program prints of a clip, by tokens of the small Whisper."""


def main(words: list[str]) -> None:
    """Answer."""
    folder = Path(words[words.index("--model") + 1]).parent
    with (folder / "started").open("a") as started:
        started.write(f"{os.getpid()}\n")
    with (folder / "asked").open("a", encoding="utf-8") as asked:
        asked.write("\n".join(words) + "\n")
    if (folder / "slow").exists():
        time.sleep(60)
    if (folder / "dies").exists():
        sys.stderr.write("whisper_init: a word\nerror: failed to initialize whisper context\n")
        sys.exit(int((folder / "dies").read_text()))
    babble = folder / "babbles"
    for sound in [word for word in words if word.endswith(".wav")]:
        if Path(sound).read_bytes()[:4] == b"RIFF" and not (folder / "says-nothing").exists():
            sys.stderr.write("whisper_full_with_state: auto-detected language: es (p = 0.750000)\n")
            Path(f"{sound}.json").write_bytes(babble.read_bytes() if babble.exists() else SAID.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1][1:]).read_text("utf-8").splitlines())
