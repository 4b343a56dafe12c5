"""The commands: each has one taker, and its document in MongoDB says how it stands. A job carries only names."""

from typing import Annotated, ClassVar

from pydantic import StringConstraints

from .facts import Fact
from .identifiers import DerivedIdentifier, Identifier
from .vocabulary import NoticeChannel, PlatformName, Priority, ProviderName

LaneName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]


class Job(Fact):
    """Work with one taker."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type, e.g. `pressroom.job.image.v1`."""
        return f"pressroom.job.{cls.kind}.v{cls.version}"

    @property
    def lane(self) -> str:
        """The queue that it waits in."""
        raise TypeError(f"{type(self).__name__} does not say which lane it waits in")

    @property
    def subject_id(self) -> str:
        """The last token of its subject: there is at most one queued job of this name."""
        raise TypeError(f"{type(self).__name__} does not say what it is about")

    @property
    def job_priority(self) -> Priority:
        return Priority.NORMAL


class GenerateImage(Job):
    """Make one image of a realtime batch."""

    kind = "image"
    batch_id: Identifier
    image_id: DerivedIdentifier
    provider: ProviderName
    priority: Priority = Priority.NORMAL

    @property
    def lane(self) -> str:
        return self.provider

    @property
    def subject_id(self) -> str:
        return self.image_id

    @property
    def job_priority(self) -> Priority:
        return self.priority


class PublishImage(Job):
    """Bring one approved image to one platform."""

    kind = "publish"
    batch_id: Identifier
    image_id: DerivedIdentifier
    publication_id: DerivedIdentifier
    platform: PlatformName

    @property
    def lane(self) -> str:
        return self.platform

    @property
    def subject_id(self) -> str:
        return self.publication_id


class SendNotice(Job):
    """Tell one target what became of a batch."""

    kind = "notice"
    batch_id: Identifier
    notice_id: DerivedIdentifier
    channel: NoticeChannel

    @property
    def lane(self) -> str:
        return self.channel

    @property
    def subject_id(self) -> str:
        return self.notice_id


JOB_TYPES: tuple[type[Job], ...] = (GenerateImage, PublishImage, SendNotice)
