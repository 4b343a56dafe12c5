"""`python -m pressroom.gateway`; `python -m pressroom.gateway openapi` prints the API's document."""

import json
import sys

from pressroom.runtime.importing import importing

with importing():
    from pressroom.runtime import logs, tracing
    from pressroom.runtime.service import serve
    from pressroom.runtime.settings import load

    from .api import openapi_document
    from .app import NAME, build
    from .settings import GatewaySettings


def main() -> None:
    if sys.argv[1:] == ["openapi"]:
        sys.stdout.write(json.dumps(openapi_document(), indent=2, ensure_ascii=False) + "\n")
        return
    settings = load(GatewaySettings)
    logs.configure(settings, NAME)
    tracing.configure(settings, NAME)
    serve(build(settings), settings, settings.gateway_port)


if __name__ == "__main__":
    main()
