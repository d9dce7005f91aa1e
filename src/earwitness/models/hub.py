"""Fetches models from a hub that speaks Hugging Face's protocol, resuming and checking what comes.

Only weights in safe formats, JSON and licence files are asked for. What has come stays in a hidden folder of the model
directory, so that the next try goes on with it; the model appears when all of it is there and sound. Weights are
fetched here, because the library from its version 2 on throws half a file away.

Source: huggingface_hub 1 and 2, `HfApi.model_info`, `snapshot_download` and `hf_hub_url`. A token is taken from
HF_TOKEN or from `hf auth login`, as that library does.
"""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from earwitness.errors import BadInput, Cancelled, EarwitnessError, HubFailed, Missing, NotFound, StorageFailed
from earwitness.files import digest
from earwitness.models import bring, directory, fetch, known, manifest
from earwitness.models.convert import checkpoint
from earwitness.models.directory import Stored
from earwitness.models.manifest import Origin

if TYPE_CHECKING:
    from huggingface_hub import HfApi

TEXTS = ("*.json", "vocabulary.txt", "LICENSE*", "README.md")
CACHE = ".cache"
"""What the library keeps beside the files to know how far it is."""

TEXT_BYTES, AT_ONCE = 1 << 20, 4
"""What is larger is fetched here, so many files at once."""

LOOK_S = 0.25
"""How often it is looked how much has come."""

Told = Callable[[int, int], None]
"""Is told how many bytes of how many are here."""


def repository(name: str) -> str:
    """The repository of a model's name: that of a known Whisper by any of its names, else the name itself."""
    if found := known.find(name):
        return found.repository
    if "/" in name:
        return name
    return f"{'distil-whisper' if name.startswith('distil-') else 'openai'}/{name}"


def pull(
    name: str,
    root: Path,
    *,
    file: str | None = None,
    model: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    replace: bool = False,
    told: Told | None = None,
) -> Stored:
    """Fetch a model into the model directory `root`; one that is there already is left alone.

    Args:
        name: `whisper-base` or another name of a known one, or `owner/name` on the hub: a checkpoint, or a model in
            CTranslate2's format.
        root: the model directory.
        file: one file of the repository instead, in GGML.
        model: what to call it; the repository's own name if left out.
        revision: a branch, tag or commit; the main branch if left out.
        endpoint: the hub's address; HF_ENDPOINT or huggingface.co if left out.
        replace: fetch again what is there.
        told: is told how far it is, from another thread.

    Raises HubFailed when the hub can't be reached or won't give it, NotFound for what it does not have, BadInput for
    what is no Whisper or is broken, StorageFailed when the disk is full, Missing without the library.
    """
    try:
        from filelock import FileLock
        from huggingface_hub import HfApi
    except ImportError as error:
        raise Missing("huggingface_hub is not installed: pip install 'earwitness[whisper]'") from error
    repo = repository(name)
    source = f"{repo}/{file}" if file else repo
    named = directory.ggml_name(Path(file).name) if file else None
    called = model or known.plain(named[0] if named else repo.split("/")[-1])
    directory.place(root, called, "base", "")  # a name that is none is refused before anything is asked
    if revision is None and not replace and (here := _here(root, called, source)):
        return here
    with _told(repo):
        api = HfApi(endpoint=endpoint)
        info = api.model_info(repo, revision=revision, files_metadata=True)
        sums = {s.rfilename: s.lfs.sha256 if s.lfs else "" for s in info.siblings or ()}
        form, files = _wanted(repo, tuple(sums), file)
        partial = root / form / f".{called}.part"
        partial.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(partial.with_suffix(".lock")):  # whoever comes second finds it done
            if not replace and (here := _here(root, called, source, form=form, revision=info.sha)):
                return here
            licence = next((t.removeprefix("license:") for t in info.tags or () if t.startswith("license:")), "")
            origin = Origin("pull", f"{api.endpoint}/{source}", info.sha or "", licence)
            sizes = {s.rfilename: s.size or 0 for s in info.siblings or () if s.rfilename in files}
            large = [name for name in files if sizes[name] > TEXT_BYTES]
            texts = [name for name in files if name not in large] or ["README.md"]
            _room(repo, partial, sum(sizes.values()))
            with _watched(partial, sum(sizes.values()), told):
                # the small ones first: what may not be had is refused there, and the library knows why
                api.snapshot_download(repo, revision=info.sha, local_dir=partial, allow_patterns=texts)
                _large(api, repo, info.sha, partial, {name: sizes[name] for name in large})
            return _kept(root, partial, form, called, {each: sums[each] for each in files}, origin, replace=replace)


def _large(api: "HfApi", repo: str, revision: str | None, partial: Path, sizes: Mapping[str, int]) -> None:
    """Fetch large files, each from where it broke off; one that is there is looked at later."""
    from huggingface_hub import get_token, hf_hub_url

    token, over = get_token(), threading.Event()

    def going(_done: int, _size: int) -> None:
        if over.is_set():
            raise Cancelled("another file could not be had")

    def one(name: str) -> None:
        if (partial / name).is_file() and (partial / name).stat().st_size == sizes[name]:
            return
        url = hf_hub_url(repo, name, revision=revision, endpoint=api.endpoint)
        fetch.resumed(url, partial / name, headers={"Authorization": f"Bearer {token}"} if token else None, told=going)

    with ThreadPoolExecutor(AT_ONCE, "hub") as threads:
        try:
            for done in [threads.submit(one, name) for name in sizes]:
                done.result()
        finally:
            over.set()  # for who waits no longer, the others end too
            threads.shutdown(wait=False, cancel_futures=True)
    for name in sizes:
        fetch.mark_of(partial / name).unlink(missing_ok=True)


def _room(repo: str, partial: Path, size: int) -> None:
    """Refuse what is too large for the disk, before it comes. Raises StorageFailed."""
    left, free = size - _bytes(partial), shutil.disk_usage(partial.parent).free
    if free < left:
        raise StorageFailed(f"{repo} needs {left / 1e6:.0f} MB more and {free / 1e6:.0f} MB are free")


@contextmanager
def _watched(partial: Path, size: int, told: Told | None) -> Iterator[None]:
    """Tell again and again how much has come: the library itself tells it to terminals alone."""
    if told is None:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_S):
            told(min(size, _bytes(partial)), size)

    told(min(size, _bytes(partial)), size)
    looking = threading.Thread(target=look, name="hub", daemon=True)
    looking.start()
    try:
        yield
    finally:
        over.set()
        looking.join()
    told(size, size)


def _bytes(folder: Path) -> int:
    """What is there of the files, half of one included."""
    found = 0
    for path in folder.rglob("*"):
        try:
            found += path.stat().st_size if path.is_file() else 0
        except OSError:  # moved to its place meanwhile
            continue
    return found


def _here(root: Path, model: str, source: str, *, form: str = "", revision: str | None = None) -> Stored | None:
    """What is there already: pulled from the same place, or a checkpoint of that name. Raises BadInput for another."""
    for stored in directory.scan(root):
        kept = manifest.read(stored) if stored.model == model else None
        pulled = kept is not None and kept.origin.how == "pull"
        if kept and pulled and kept.origin.source.endswith(f"/{source}"):
            if revision and kept.origin.revision != revision:
                raise BadInput(
                    f"{stored.name} is there in revision {kept.origin.revision[:12]}",
                    remedy="Say --replace to fetch another.",
                )
            return stored
        if stored.model == model and stored.format == form == "base":
            if kept and pulled:
                raise BadInput(
                    f"{stored.name} is there and came from {kept.origin.source}",
                    remedy="Give this one another --name, or say --replace.",
                )
            return stored
    return None


def _wanted(repo: str, names: tuple[str, ...], file: str | None) -> tuple[str, list[str]]:
    """The format of what a repository has, and the files to fetch: no second copy of weights, no code, no pickles."""
    if file is not None:
        if file not in names:
            has = ", ".join(_ggml(names)) or "no GGML files"
            raise NotFound(f"{repo} has no file {file}", remedy=f"It has: {has}.")
        return "ggml", [file]
    top = [name for name in names if "/" not in name]
    texts = [name for name in top if any(fnmatch(name, pattern) for pattern in TEXTS)]
    if checkpoint.INDEX in top:
        return "base", texts + [name for name in top if fnmatch(name, "model-*-of-*.safetensors")]
    if checkpoint.WEIGHTS in top:
        return "base", [*texts, checkpoint.WEIGHTS]
    for form, how in directory.FORMATS.items():
        if how.holds and set(how.holds) <= set(top):
            return form, texts + [name for name in top if any(fnmatch(name, pattern) for pattern in how.weights)]
    if single := _ggml(names):
        raise BadInput(f"{repo} has several models", remedy=f"Add --file, one of: {', '.join(single)}.")
    raise BadInput(f"{repo} has no safetensors", remedy="Take a revision that has model.safetensors.")


def _ggml(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name.startswith("ggml-") and name.endswith(".bin")]


def _kept(
    root: Path, partial: Path, form: str, model: str, sums: Mapping[str, str], origin: Origin, *, replace: bool
) -> Stored:
    """Put what was fetched into the directory, once its checksums and a look at it say that it is sound."""
    found = {name: _checked(partial / name, expected) for name, expected in sums.items()}
    source = partial / next(iter(sums)) if form == "ggml" else partial
    try:
        target = bring.settled(source, root, form, name=model)
    except EarwitnessError:
        shutil.rmtree(partial)  # it came whole and will not do: nothing to go on with
        raise
    if form == "ggml":
        found = {target.path.name: found[next(iter(sums))]}
    with manifest.keeping(root, target, origin, replace=replace, known=found) as made:
        shutil.rmtree(partial / CACHE, ignore_errors=True)
        source.rename(made)
        if form != "ggml":
            bring.completed(made, form)
    shutil.rmtree(partial, ignore_errors=True)
    return target


def _checked(path: Path, expected: str) -> str:
    """The SHA-256 of a file, which is the hub's; one that differs is removed, so that the next try fetches it anew."""
    found = digest(path)
    if expected and found != expected:
        path.unlink()
        raise HubFailed(f"{path.name} came broken: its checksum is not the hub's", remedy="Pull it again.")
    return found


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
        met = "did not answer as it should" if hasattr(error, "response") else "can't be reached"
        raise HubFailed(f"the hub {met}: {_brief(error)}") from error
    except OSError as error:
        raise StorageFailed(f"{repo} can't be kept: {error.strerror or error}") from error
    except ValueError as error:
        raise BadInput(f"{repo!r} is no name of a repository: {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
