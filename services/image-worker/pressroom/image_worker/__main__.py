"""`python -m pressroom.image_worker`"""

from pressroom.runtime.importing import importing

with importing():
    from pressroom.runtime.service import run

    from .app import NAME, build
    from .settings import ImageWorkerSettings

if __name__ == "__main__":
    run(NAME, ImageWorkerSettings, lambda settings: settings.image_worker_port, build)
