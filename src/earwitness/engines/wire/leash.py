"""Runs a command for as long as whoever started this script lives: it is killed when standard input ends.

python leash.py COMMAND …
python leash.py --folder FOLDER COMMAND …       and FOLDER is removed then, if standard input ended first

A script of its own, because nothing else holds on every system: it works however we end, and in whichever thread we
began. Ends with the command's own code, 126 where it can't be run.
"""

import os
import shutil
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run it to its end."""
    folder = command[1] if command[0] == "--folder" else None
    command, alone = command[2:] if folder else command, threading.Event()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the command is what it is for
    except OSError:
        return 126

    def watch() -> None:
        while os.read(0, 64):
            pass
        alone.set()
        child.kill()

    threading.Thread(target=watch, daemon=True).start()
    code = child.wait()
    if folder and alone.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]) & 255)
