"""`/healthz`, `/readyz` and `/metrics`, as every service has them."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from .house import House

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, bool]:
    """The process is alive."""
    return {"alive": True}


@router.get("/readyz")
async def readyz(house: House, response: Response) -> dict[str, object]:
    """Both servers answer."""
    missing = await house.unreadiness()
    if missing:
        response.status_code = 503
        return {"ready": False, "missing": ", ".join(missing)}
    return {"ready": True}


@router.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
