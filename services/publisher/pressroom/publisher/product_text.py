"""A publication's words in the forms that shops take. Pure: the same order gives the same text at every attempt."""

import hashlib
import html
import re
import unicodedata

_SLUG_MAX_CHARACTERS = 60


def html_paragraphs(text: str) -> str:
    """Plain text as HTML, a paragraph for each of its own; what looks like markup stays text."""
    paragraphs = (part.strip() for part in re.split(r"\n\s*\n", text))
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in paragraphs if part)


def handle_of(title: str, publication_id: str) -> str:
    """A product's name in addresses: readable by its title, its own by the publication's id."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain)[:_SLUG_MAX_CHARACTERS].strip("-")
    own = hashlib.sha256(publication_id.encode()).hexdigest()[:16]
    return f"{slug}-{own}" if slug else own


def decimal_price(cents: int) -> str:
    """Hundredths of a currency as a decimal."""
    return f"{cents // 100}.{cents % 100:02d}"
