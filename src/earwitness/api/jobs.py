"""The doors of the queue: recordings to be transcribed in their turn, one or thousands, and what became of them."""

import base64
import binascii
import hashlib
import json
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from earwitness import export
from earwitness.api import house, ordering
from earwitness.api.bridge import in_thread
from earwitness.api.house import House
from earwitness.api.job_schemas import BatchBody, BatchForm, BatchMade, BatchTold, JobBody, JobForm, JobPage, JobTold
from earwitness.api.schemas import PlainError
from earwitness.api.uploading import taken
from earwitness.api.viewing import viewer
from earwitness.archive.job import STATES, Job, batch_id
from earwitness.archive.jobs import MOST
from earwitness.archive.viewer import Viewer
from earwitness.errors import BadInput, Busy, Conflict
from earwitness.types import Json, Transcript

ERRORS = {s: {"model": PlainError, "description": "An error"} for s in (400, 401, 404, 409, 413, 500, 502, 503, 507)}
PAGE = 50
AGAIN_S = 5.0
ABOUT = {"form": "multipart/form-data", "body": "application/json"}

router = APIRouter(tags=["Jobs"], responses=ERRORS)  # type: ignore[arg-type]


def _taken(form: type[JobForm] | type[BatchForm], body: type[JobBody] | type[BatchBody]) -> dict[str, Json]:
    """The OpenAPI request body: a form with the recordings, or JSON."""
    content: dict[str, Json] = {
        ABOUT["form"]: {"schema": form.model_json_schema(by_alias=True)},
        ABOUT["body"]: {"schema": body.model_json_schema(by_alias=True)},
    }
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/api/jobs",
    status_code=201,
    response_model=JobTold,
    openapi_extra=_taken(JobForm, JobBody),
    summary="Put a recording into the queue",
)
async def add(request: Request) -> Response:
    """Take a recording, an address or an upload; what was done before is answered at once."""
    home, who = house.of(request), viewer(request)
    async with ordering.given(request, home) as what:
        places = [*what.places, *await taken(home, who, what.uploads)]
        if len(places) != 1:
            raise BadInput(f"there are {len(places)} recordings, and one is expected", param="file")
        (job,) = await ordering.placed(home, who, what, places, None)
    return JSONResponse(job.told(), 201, {"location": f"/api/jobs/{job.id}"})


@router.post(
    "/batch/process",
    status_code=201,
    response_model=BatchMade,
    openapi_extra=_taken(BatchForm, BatchBody),
    summary="Put many recordings into the queue",
)
async def process(request: Request) -> Response:
    """Take recordings, addresses and uploads that belong together."""
    home, who, batch = house.of(request), viewer(request), batch_id()
    async with ordering.given(request, home) as what:
        places = [*what.places, *await taken(home, who, what.uploads)]
        jobs = await ordering.placed(home, who, what, places, batch)
    body = {"batch": batch, "jobs": [job.told() for job in jobs]}
    return JSONResponse(body, 201, {"location": f"/api/batches/{batch}"})


@router.get("/api/batches/{batch}", summary="How far a batch is", response_model=BatchTold)
async def one_batch(request: Request, batch: str) -> Response:
    """The jobs of a batch by state; the answer's ETag changes with it."""
    found = await in_thread(lambda: house.of(request).archive.jobs.batch(viewer(request), batch))
    told: dict[str, Json] = {
        "id": found.id,
        "states": dict(found.states),
        "total": sum(found.states.values()),
        "over": found.over,
        "done_s": round(found.done_s, 2),
        "total_s": None if found.total_s is None else round(found.total_s, 2),
        "made_s": found.made_s,
    }
    return _tagged(request, told)


@router.get("/api/jobs", summary="Jobs, newest first", response_model=JobPage)
async def listed(
    request: Request,
    state: Annotated[list[str] | None, Query(description=f"Only those that are: {', '.join(STATES)}.")] = None,
    batch: Annotated[str | None, Query(description="Only those of a batch.")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = PAGE,
    after: Annotated[str | None, Query(description="The `next` of the page before.", max_length=100)] = None,
) -> Response:
    """A page of jobs."""
    jobs, who, before = house.of(request).archive.jobs, viewer(request), _opened(after)
    if wrong := set(state or ()) - set(STATES):
        raise BadInput(f"a job is one of {', '.join(STATES)}, not {min(wrong)[:40]!r}", param="state")
    found = await in_thread(lambda: jobs.page(who, states=state or (), batch=batch, limit=limit, before=before))
    states = await in_thread(lambda: jobs.counts(who))
    more = _closed(found[-1]) if len(found) == limit else None
    return JSONResponse({"jobs": [job.told() for job in found], "next": more, "states": states})


@router.get("/api/jobs/{job}", summary="How far a job is", response_model=JobTold)
async def one(request: Request, job: str) -> Response:
    """A job; the answer's ETag changes with it."""
    found = await in_thread(lambda: house.of(request).archive.jobs.one(viewer(request), job))
    return _tagged(request, found.told())


@router.delete("/api/jobs/{job}", summary="Cancel a job", response_model=JobTold)
async def cancel(request: Request, job: str) -> Response:
    """Let a job be. One that runs is stopped, and over a moment later."""
    home, who = house.of(request), viewer(request)
    found = await in_thread(lambda: home.archive.jobs.cancel(who, job))
    await in_thread(lambda: home.worker.stop(job))
    return JSONResponse(found.told())


@router.post("/api/jobs/{job}/retry", summary="Try a job again that failed", response_model=JobTold)
async def retry(request: Request, job: str) -> Response:
    """Let a job that failed wait for its turn again."""
    home, who = house.of(request), viewer(request)
    found = await in_thread(lambda: home.archive.jobs.retry(who, job))
    home.worker.wake()
    return JSONResponse(found.told())


@router.get("/api/jobs/{job}/result", summary="What came of a job", response_class=Response)
async def result(
    request: Request,
    job: str,
    wanted: Annotated[str, Query(alias="format", description=", ".join(export.FORMATS))] = "json",
) -> Response:
    """The transcript in a format; 503 with when to come back while there is none."""
    home, who, form = house.of(request), viewer(request), export.find(wanted)
    told = await in_thread(lambda: export.render(_result(home, who, job), form.name))
    return Response(told, media_type=form.media_type)


def _result(home: House, who: Viewer, ident: str) -> Transcript:
    found = home.archive.jobs.one(who, ident)
    if not found.over:
        raise Busy(f"the job is {found.state}", retry_after_s=min(60.0, found.eta_s or AGAIN_S))
    if found.state != "done" or found.recording is None:
        raise Conflict(f"nothing came of the job: it is {found.state}", remedy=found.error)
    return home.archive.recordings.transcript(found.recording, who)


def _tagged(request: Request, told: dict[str, Json]) -> Response:
    """An answer with its ETag, or that nothing has changed. Source: RFC 9110, 13.1.2."""
    tag = f'"{hashlib.blake2b(json.dumps(told).encode(), digest_size=12).hexdigest()}"'
    known = {t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")}
    headers = {"etag": tag, "cache-control": "no-cache"}
    return Response(status_code=304, headers=headers) if known & {tag, "*"} else JSONResponse(told, headers=headers)


def _closed(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.made_s!r} {job.id}".encode()).decode().rstrip("=")


def _opened(after: str | None) -> tuple[float, str] | None:
    if after is None:
        return None
    try:
        made_s, _, ident = base64.urlsafe_b64decode(f"{after}===").decode().partition(" ")
        return float(made_s), ident
    except (ValueError, binascii.Error) as error:
        raise BadInput("this is no `next` of a page", param="after") from error
