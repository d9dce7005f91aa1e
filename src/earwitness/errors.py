"""Everything that can go wrong, in one tree.

EarwitnessError
├─ BadInput ─────────── the recording or an option is wrong; sending it again will not help
│  ├─ NotAudio          the bytes are no recording at all
│  ├─ NoSoundTrack      a video or container without sound
│  ├─ EmptyAudio        a recording with no samples in it
│  ├─ UnsafeSource      it points at other files or addresses
│  └─ TooLarge          more bytes than this installation accepts
├─ NotFound ─────────── a file that is not there
├─ Conflict ─────────── it can't be done as things are now: somebody else has changed it, or it is over
├─ UnknownModel ─────── a model nobody knows here
├─ Unsupported ──────── understood, but the chosen engine or this version cannot do it
│  └─ ForeignSpeech     speech in a language the model does not know
├─ Missing ──────────── a package has to be installed first
├─ Unauthorized ─────── no key, or the wrong one
│  └─ Forbidden         somebody who is known, and may not do that
├─ Busy ─────────────── full right now; come back after `retry_after_s`
│  └─ TooMany           one caller wants too much in too little time
├─ TooLittleMemory ──── the model never fits into the memory that models may take
├─ EngineFailed ─────── the recogniser itself broke
├─ Unreachable ──────── an address that somebody gave does not answer as it should
├─ HubFailed ────────── a model hub could not be reached, or will not give what was asked
├─ StorageFailed ────── the disk is full or may not be written, or what is kept can't be read
└─ Cancelled ────────── somebody stopped it

A leaf also inherits the builtin that fits, so callers may catch either. Every class has a stable `code`, says whether a
`retry` can help, and carries a `remedy`: one sentence on what to do. This module knows nothing of HTTP or exit codes;
the doors hold one table each.
"""

from typing import ClassVar


class EarwitnessError(Exception):
    """Root of the tree: a message for people, a code for programs, a remedy for both."""

    code: ClassVar[str] = "error"
    retry: ClassVar[bool] = False
    default_remedy: ClassVar[str] = "Run `earwitness doctor` and read what it says."

    def __init__(self, message: str, *, remedy: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.param = param


class BadInput(EarwitnessError, ValueError):
    """The recording or an option is wrong."""

    code = "bad_input"
    default_remedy = "Correct the request; sending the same again will not help."


class NotAudio(BadInput):
    """The bytes are no recording in any format that is read here."""

    code = "not_audio"
    default_remedy = "Check that the file is a recording and arrived whole; `ffprobe FILE` shows what it is."


class NoSoundTrack(BadInput):
    """A container that opens well and holds no sound."""

    code = "no_sound_track"
    default_remedy = "Choose a recording that has an audio track."


class EmptyAudio(BadInput):
    """A recording without a single sample."""

    code = "empty_audio"
    default_remedy = "The recording holds no sound; check how it was made."


class UnsafeSource(BadInput):
    """A playlist or script that would make the decoder open something else."""

    code = "unsafe_source"
    default_remedy = "Send the recording itself, not a playlist or script that points at it."


class TooLarge(BadInput):
    """More bytes than this installation accepts."""

    code = "too_large"
    default_remedy = "Send a smaller file, or raise EARWITNESS_MAX_UPLOAD_MB."


class NotFound(EarwitnessError, FileNotFoundError):
    """A file or thing that is not there."""

    code = "not_found"
    default_remedy = "Check the spelling of the path."


class Conflict(EarwitnessError):
    """It can't be done as things are now: somebody else has changed it, or it is over."""

    code = "conflict"
    default_remedy = "Read it again as it is now, and ask for what is possible then."


class UnknownModel(EarwitnessError, LookupError):
    """A model that is not installed and not in the catalog."""

    code = "model_not_found"
    default_remedy = "`earwitness models list` shows what is here."


class Unsupported(EarwitnessError):
    """A wish that was understood and cannot be fulfilled by the engine at hand."""

    code = "unsupported"
    default_remedy = "Leave the option out, or choose another model."


class ForeignSpeech(Unsupported):
    """Speech in a language the model does not know: refused rather than guessed at."""

    code = "foreign_speech"
    default_remedy = (
        "The embedded model knows only English. Use a multilingual model, or pass --language-gate off "
        "(API: language_gate=off) if the recording is English after all."
    )


class Missing(EarwitnessError, ImportError):
    """A package that has to be installed first; the remedy is the command."""

    code = "missing_package"
    default_remedy = "Run `earwitness doctor`: it names the package."


class Unauthorized(EarwitnessError, PermissionError):
    """No key, or a wrong one."""

    code = "invalid_api_key"
    default_remedy = "Send `Authorization: Bearer KEY` with a key of this server."


class Forbidden(Unauthorized):
    """Somebody who is known here, and may not do that."""

    code = "forbidden"
    default_remedy = "Ask an administrator of this server for the role, the grant or the key that it takes."


class Busy(EarwitnessError):
    """All places are taken for now."""

    code = "busy"
    retry = True
    default_remedy = "Try again after the time given."

    def __init__(self, message: str, *, retry_after_s: float, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class TooMany(Busy):
    """One caller wants more than is given to one caller in that time."""

    code = "too_many_requests"


class TooLittleMemory(EarwitnessError, MemoryError):
    """The model does not fit into the memory that models may take, whatever is unloaded for it."""

    code = "too_little_memory"
    default_remedy = "Choose a smaller model or precision, raise EARWITNESS_MODEL_MEMORY_MB, or pin fewer models."


class EngineFailed(EarwitnessError, RuntimeError):
    """The recogniser broke on input it should have taken."""

    code = "engine_failed"
    default_remedy = "Please report it with the recording if you can; `earwitness doctor` checks the engine."


class HubFailed(EarwitnessError, ConnectionError):
    """A model hub could not be reached, broke off, or will not give what was asked."""

    code = "hub_failed"
    retry = True
    default_remedy = (
        "Try again: what has come is kept. Without a network, bring the model by `earwitness models import`."
    )


class Unreachable(EarwitnessError, ConnectionError):
    """Whoever is to be fetched from or told something can't be reached, or broke off."""

    code = "unreachable"
    retry = True
    default_remedy = "Try again later, or check the address."


class StorageFailed(EarwitnessError, OSError):
    """The disk is full, read-only, or may not be written by this user; or what is kept there can't be read."""

    code = "storage_failed"
    default_remedy = "Free some space or choose another folder with EARWITNESS_HOME."


class Cancelled(EarwitnessError):
    """Somebody stopped the work; not a fault."""

    code = "cancelled"
    default_remedy = "Start it again if it was stopped by mistake."
