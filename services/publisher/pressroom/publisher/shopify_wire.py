"""Shopify's Admin GraphQL API on the wire: what each of our documents answers (2026-10).

Nothing here is stored, so a process that dies loses nothing.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class UserError(Wire):
    """What is wrong with a mutation's input: comes with HTTP 200."""

    code: str | None = None
    field: tuple[str, ...] | None = None
    message: str = ""

    def said(self) -> str:
        where = ".".join(self.field or ())
        parts = (where, self.code, self.message)
        return " ".join(part for part in parts if part)


class Payload(Wire):
    user_errors: tuple[UserError, ...] = ()


class ThrottleStatus(Wire):
    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Wire):
    requested_query_cost: float | None = None
    throttle_status: ThrottleStatus | None = None


class Extensions(Wire):
    """Of a reply, or of one of its errors, which may have the cost as well."""

    code: str | None = None
    cost: Cost | None = None


class GraphQLError(Wire):
    message: str = ""
    extensions: Extensions = Extensions()


class Reply(Wire):
    """`errors` is a text when the API refuses before it reads the document."""

    data: object = None
    errors: tuple[GraphQLError, ...] | str | None = None
    extensions: Extensions = Extensions()


class Granted(Wire):
    """`POST /admin/oauth/access_token`, in snake case."""

    model_config = ConfigDict(alias_generator=None)

    access_token: str
    expires_in: float = 86_399


class FileStatus(StrEnum):
    UPLOADED = "UPLOADED"
    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"


class FileError(Wire):
    code: str = ""
    details: str | None = None
    message: str = ""


class File(Wire):
    id: str
    file_status: FileStatus
    file_errors: tuple[FileError, ...] = ()


class Parameter(Wire):
    name: str
    value: str


class StagedTarget(Wire):
    url: str
    resource_url: str
    parameters: tuple[Parameter, ...] = ()


class StagedUploads(Payload):
    staged_targets: tuple[StagedTarget, ...] | None = None


class StageUploadData(Wire):
    staged_uploads_create: StagedUploads


class CreatedFiles(Payload):
    files: tuple[File, ...] | None = None


class CreateFileData(Wire):
    file_create: CreatedFiles


class Files(Wire):
    nodes: tuple[File, ...] = ()


class FindFileData(Wire):
    files: Files


class FileStatusData(Wire):
    node: File | None = None


class Product(Wire):
    id: str
    online_store_url: str | None = None


class SetProductPayload(Payload):
    product: Product | None = None


class SetProductData(Wire):
    product_set: SetProductPayload


class SalesChannel(Wire):
    id: str
    name: str = ""


class PageInfo(Wire):
    has_next_page: bool = False
    end_cursor: str | None = None


class SalesChannels(Wire):
    nodes: tuple[SalesChannel, ...] = ()
    page_info: PageInfo = PageInfo()


class SalesChannelsData(Wire):
    publications: SalesChannels


class PublishPayload(Payload):
    publishable: Product | None = None


class PublishProductData(Wire):
    publishable_publish: PublishPayload
