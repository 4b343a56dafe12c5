"""What the request handlers work with: the service's connections, reached through the application."""

from typing import Annotated

from fastapi import Depends, Request

from pressroom.runtime.service import Service


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


House = Annotated[Service, Depends(service_of)]
