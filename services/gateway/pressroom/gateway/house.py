"""What the request handlers work with, reached through the application: the service's connections, and passwords."""

from typing import Annotated

from fastapi import Depends, Request

from pressroom.runtime.passwords import Passwords
from pressroom.runtime.service import Service


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


House = Annotated[Service, Depends(service_of)]


async def passwords_of(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


Hashing = Annotated[Passwords, Depends(passwords_of)]
