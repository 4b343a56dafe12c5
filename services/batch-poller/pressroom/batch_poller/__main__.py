"""`python -m pressroom.batch_poller`"""

from pressroom.runtime.importing import importing

with importing():
    from pressroom.runtime.service import run

    from .app import NAME, build
    from .settings import BatchPollerSettings

if __name__ == "__main__":
    run(NAME, BatchPollerSettings, lambda settings: settings.batch_poller_port, build)
