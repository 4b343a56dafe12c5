"""`/v1/batches`: asking for images, and everything about what was asked for."""

from . import batches, control, estimates, reports, retries

ROUTERS = (batches.router, control.router, retries.router, reports.router, estimates.router)
