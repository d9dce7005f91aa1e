"""`POST /api/recordings/{ident}/transcribe`: a recording is transcribed again, all of it or a part, by a job."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from earwitness.api import house, ordering
from earwitness.api.job_schemas import AgainBody, JobTold
from earwitness.api.schemas import PlainError
from earwitness.api.uploads import received_json
from earwitness.api.viewing import viewer
from earwitness.api.wishes import Form

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": PlainError, "description": "An error"} for status in (400, 401, 404, 409, 503, 507)
}
BODY: dict[str, Any] = {
    "requestBody": {"content": {"application/json": {"schema": AgainBody.model_json_schema(by_alias=True)}}}
}

router = APIRouter(tags=["Recordings"], responses=ERRORS)


@router.post(
    "/api/recordings/{ident}/transcribe",
    status_code=201,
    response_model=JobTold,
    openapi_extra=BODY,
    summary="Transcribe a recording again",
)
async def again(request: Request, ident: str) -> Response:
    """What people have corrected stays. Without wishes it is done as it was done before."""
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    form = Form({} if empty else ordering.fields_of(await received_json(request)))
    job = await ordering.again(house.of(request), viewer(request), ident, form)
    return JSONResponse(job.told(), 201, {"location": f"/api/jobs/{job.id}"})
