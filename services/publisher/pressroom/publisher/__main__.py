"""`python -m pressroom.publisher`"""

from pressroom.runtime.importing import importing

with importing():
    from pressroom.runtime.service import run

    from .app import NAME, build
    from .settings import PublisherSettings

if __name__ == "__main__":
    run(NAME, PublisherSettings, lambda settings: settings.publisher_port, build)
