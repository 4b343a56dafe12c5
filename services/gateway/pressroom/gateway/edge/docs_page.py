"""`/docs`: the API's document as a page to read and to try calls on.

Everything of it comes from here, so it works without the internet and nobody else learns who reads it: Swagger UI is
the copy in the package fastapi-offline, which is made anew with its releases. No script is in the page itself.
"""

from importlib.resources import files
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

# Left out of the schema, as it is for people.
router = APIRouter(prefix="/docs", include_in_schema=False)

_ASSETS = Path(str(files("fastapi_offline"))) / "static"
_A_DAY = "public, max-age=86400"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Swagger UI writes style attributes into its elements.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

# Addresses are relative, so that the page works behind a proxy that adds a path.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pressroom: the HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

# The validator's badge would be asked for elsewhere.
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  docExpansion: "none",
  validatorUrl: null,
});
"""


@router.get("")
async def page() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


@router.get("/start.js")
async def start() -> Response:
    return Response(_START, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/{name}")
async def asset(name: Literal["swagger-ui.css", "swagger-ui-bundle.js"]) -> FileResponse:
    return FileResponse(_ASSETS / name, headers={"Cache-Control": _A_DAY})
