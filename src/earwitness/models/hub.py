"""Fetches checkpoints from a hub that speaks Hugging Face's protocol, resuming and checking what comes.

Only safetensors, JSON and licence files are asked for. What is half there stays in a hidden folder of the model
directory, so that the next try goes on with it; the model appears when all of it is there and sound.

Source: huggingface_hub 1 and 2, `HfApi.model_info` and `snapshot_download`. A token is taken from HF_TOKEN or from
`hf auth login`, as that library does.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from earwitness.errors import BadInput, EarwitnessError, HubFailed, Missing, NotFound, StorageFailed
from earwitness.models import directory
from earwitness.models.convert import checkpoint
from earwitness.models.directory import Stored

WANTED = ("*.json", "*.safetensors", "LICENSE*", "README.md")
CACHE = ".cache"
"""What the library keeps beside the files to know how far it is."""


def repository(name: str) -> str:
    """The repository of a model's name: OpenAI's for `whisper-base` and the like, else the name itself."""
    if "/" in name:
        return name
    return f"{'distil-whisper' if name.startswith('distil-') else 'openai'}/{name}"


def pull(
    name: str,
    root: Path,
    *,
    model: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    replace: bool = False,
) -> Stored:
    """Fetch a checkpoint into the model directory `root`, as `base`; one that is there already is left alone.

    Args:
        name: `whisper-base`, or `owner/name` on the hub.
        root: the model directory.
        model: what to call it; the repository's own name if left out.
        revision: a branch, tag or commit; the main branch if left out.
        endpoint: the hub's address; HF_ENDPOINT or huggingface.co if left out.
        replace: fetch again what is there.

    Raises HubFailed when the hub can't be reached or won't give it, NotFound for what it does not have, BadInput for
    what is no Whisper or is broken, StorageFailed when the disk is full, Missing without the library.
    """
    try:
        from filelock import FileLock
        from huggingface_hub import HfApi
    except ImportError as error:
        raise Missing("huggingface_hub is not installed: pip install 'earwitness[whisper]'") from error
    repo = repository(name)
    target = directory.place(root, model or repo.split("/")[-1].lower(), "base", "")
    found = Stored(target.name, "base", "", target)
    partial = target.with_name(f".{target.name}.part")
    with _told(repo):
        partial.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):  # whoever comes second finds it done
            if target.exists() and not replace:
                return found
            _fetch(HfApi(endpoint=endpoint), repo, revision, partial)
            try:
                checkpoint.read(partial)
            except EarwitnessError:
                shutil.rmtree(partial)  # it came whole and will not do: nothing to go on with
                raise
            with directory.making(target, replace=replace) as made:
                shutil.rmtree(partial / CACHE, ignore_errors=True)
                partial.rename(made)
    return found


def _fetch(api: Any, repo: str, revision: str | None, folder: Path) -> None:
    """All wanted files of one commit, several at a time, each with its bar, and compare their checksums."""
    info = api.model_info(repo, revision=revision, files_metadata=True)
    wanted = {f.rfilename: f.lfs for f in info.siblings or () if any(fnmatch(f.rfilename, p) for p in WANTED)}
    if not any(file.endswith(".safetensors") for file in wanted):
        raise BadInput(f"{repo} has no safetensors", remedy="Take a revision that has model.safetensors.")
    api.snapshot_download(repo, revision=info.sha, local_dir=folder, allow_patterns=list(wanted))
    for file, kept in wanted.items():
        _check(folder / file, kept.sha256 if kept else None)


def _check(path: Path, expected: str | None) -> None:
    """Compare a file with the hub's SHA-256; one that differs is removed, so that the next try fetches it anew."""
    if expected is None:
        return
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == expected:
            return
    path.unlink()
    raise HubFailed(f"{path.name} came broken: its checksum is not the hub's", remedy="Pull it again.")


@contextmanager
def _told(repo: str) -> Iterator[None]:
    """The library's errors as ours, each with what to do."""
    from huggingface_hub import errors

    transport: type[Exception] = vars(errors)["HTTPError"]  # of httpx or of httpx2, as the library's version has it
    try:
        yield
    except EarwitnessError:
        raise
    except errors.GatedRepoError as error:
        raise HubFailed(
            f"{repo} is given only to those who accepted its terms",
            remedy=f"Accept them on the page of {repo}, make a token there, and set HF_TOKEN to it.",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError) as error:
        raise HubFailed(f"the hub can't be reached: {_brief(error.__cause__ or error)}") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.EntryNotFoundError) as error:
        raise NotFound(
            f"the hub has no {repo}, or no such revision of it",
            remedy="Check the name; private ones need a token in HF_TOKEN.",
        ) from error
    except transport as error:
        raise HubFailed(f"the hub did not answer as it should: {_brief(error)}") from error
    except OSError as error:
        raise StorageFailed(f"{repo} can't be kept: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInput(f"{repo!r} is no name of a repository: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
