"""Printify's REST API on the wire: the shapes that we read (developers.printify.com, v1, 2026-11).

Unknown fields are ignored. Nothing here is stored, so a process that dies loses nothing.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel

API = "/v1"

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
"""An id that becomes part of a path."""


def _object_or_nothing(value: object) -> object:
    """PHP writes an empty object as an empty list."""
    return None if value == [] else value


def _object_or_empty(value: object) -> object:
    return {} if value == [] else value


class Wire(BaseModel):
    """Ids are texts to us, also those that come as numbers."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class Shop(Wire):
    id: int
    title: str = ""
    sales_channel: str = ""


class ShopList(RootModel[tuple[Shop, ...]]):
    pass


class PrintProvider(Wire):
    id: int
    title: str = ""


class PrintProviderList(RootModel[tuple[PrintProvider, ...]]):
    pass


class Placeholder(Wire):
    """One place to print on; sides in pixels."""

    position: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]


class CatalogVariant(Wire):
    """`options` has `color` and `size` where the product has them."""

    id: int
    title: str = ""
    options: Annotated[dict[str, str], BeforeValidator(_object_or_empty)] = {}
    placeholders: tuple[Placeholder, ...] = ()


class VariantList(Wire):
    variants: tuple[CatalogVariant, ...] = ()


class Upload(Wire):
    id: Token
    file_name: str = ""


class Page(Wire):
    """A page of Laravel's paginator; older lists have only the address of the next one."""

    last_page: int | None = None
    next_page_url: str | None = None

    def ends_at(self, number: int) -> bool:
        """Whether page `number`, which this is, is the last."""
        if self.last_page is not None:
            return number >= self.last_page
        return self.next_page_url is None


class UploadPage(Page):
    data: tuple[Upload, ...] = ()


class PlacedImage(Wire):
    id: str


class FilledPlaceholder(Wire):
    images: tuple[PlacedImage, ...] = ()


class PrintArea(Wire):
    placeholders: tuple[FilledPlaceholder, ...] = ()


class External(Wire):
    """The product in the shop that sells it: there once publishing has succeeded."""

    id: str | None = None
    handle: str | None = None


class Product(Wire):
    id: Token
    title: str = ""
    blueprint_id: int = 0
    print_provider_id: int = 0
    print_areas: tuple[PrintArea, ...] = ()
    is_locked: bool = False
    external: Annotated[External | None, BeforeValidator(_object_or_nothing)] = None

    @property
    def image_ids(self) -> frozenset[str]:
        placed = (placeholder for area in self.print_areas for placeholder in area.placeholders)
        return frozenset(image.id for placeholder in placed for image in placeholder.images)

    @property
    def is_published(self) -> bool:
        return self.external is not None and self.external.id is not None


class ProductPage(Page):
    data: tuple[Product, ...] = ()
