"""Textual-inversion embeddings: new words for the text encoders, by the name of their file. A prompt uses one by saying
its name; one that neither prompt says is put before the prompt. Tokenizers and embedding tables are replaced by longer
copies while words are worn, and put back as they were: nothing of them is left for the next image."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AddedToken

from pressroom.contracts.requests import Adapter
from pressroom.runtime.errors import InvalidRequest

from .adapter_folder import SUFFIX, AdapterFolder

_SUFFIXES = ("", "_2", "_3")
"""How a pipeline names its encoders, tokenizers and prompts."""
_KEYS = {"": "clip_l", "_2": "clip_g"}
"""Where a file for two encoders keeps each one's vectors (SDXL's trainers)."""
_OLD_END = 2
"""A CLIP model with this end token finds the end of the text by the highest token, which a new word would be."""


@dataclass(frozen=True)
class _Encoder:
    """As it was when the pipeline was loaded."""

    suffix: str
    encoder: Any
    tokenizer: Any
    table: Any

    @property
    def width(self) -> int:
        return int(self.table.weight.shape[-1])


class Embeddings:
    """`wear` decides which count, for every image until it is called again; `write` gives the prompts for them."""

    def __init__(self, pipeline: Any, folder: AdapterFolder) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._encoders = list(_encoders(pipeline))
        self._worn: list[tuple[Path, int, float]] | None = []
        self._words: dict[str, dict[str, str]] = {}

    def wear(self, wanted: Sequence[Adapter]) -> bool:
        """Teach the encoders the wanted words and nothing else; whether anything changed. Raises `InvalidRequest` for
        one that is not there or does not fit."""
        files = [(self._folder.find(adapter.name), adapter.weight) for adapter in wanted]
        worn = [(path, path.stat().st_mtime_ns, weight) for path, weight in files]
        if worn == self._worn:
            return False
        vectors = {_name(path): self._fitting(path, weight) for path, weight in files}
        # Nothing, as far as one knows, until all encoders are through.
        self._worn, self._words = None, {}
        for encoder in self._encoders:
            taught = {
                name: by_suffix[encoder.suffix] for name, by_suffix in vectors.items() if encoder.suffix in by_suffix
            }
            self._words[encoder.suffix] = self._teach(encoder, taught)
        self._worn = worn
        return True

    def write(self, prompt: str, negative_prompt: str | None) -> dict[str, str | None]:
        """`prompt` and `negative_prompt` with the worn words, and those of further encoders where they differ."""
        written: dict[str, str | None] = {"prompt": prompt, "negative_prompt": negative_prompt}
        for suffix, words in self._words.items():
            texts = {"prompt": _said(words, prompt), "negative_prompt": _said(words, negative_prompt or "") or None}
            unsaid = [
                word
                for name, word in words.items()
                if not any(_mentions(name, text) for text in (prompt, negative_prompt))
            ]
            texts["prompt"] = ", ".join((*unsaid, texts["prompt"] or ""))
            for kind, text in texts.items():
                if suffix == "" or text != written[kind]:
                    written[f"{kind}{suffix}"] = text
        return written

    def _fitting(self, path: Path, weight: float) -> dict[str, Any]:
        """A file's vectors by the encoder that they are for."""
        try:
            tensors = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InvalidRequest(f"diffusers: the embedding '{_name(path)}' cannot be read: {error}") from error
        found: dict[str, Any] = {}
        for encoder in self._encoders:
            tensor = tensors.get(_KEYS.get(encoder.suffix, ""))
            if tensor is None and len(tensors) == 1 and not found:
                tensor = next(iter(tensors.values()))
            if tensor is not None and tensor.ndim in (1, 2) and tensor.shape[-1] == encoder.width:
                found[encoder.suffix] = tensor.reshape(-1, encoder.width) * weight
        if not found:
            shapes = ", ".join(f"{key} {tuple(tensor.shape)}" for key, tensor in list(tensors.items())[:5])
            widths = ", ".join(str(encoder.width) for encoder in self._encoders) or "none"
            raise InvalidRequest(
                f"diffusers: '{_name(path)}' is no embedding that fits this model: it holds {shapes}, and the model's "
                f"text encoders are {widths} wide"
            )
        return found

    def _teach(self, encoder: _Encoder, vectors: dict[str, Any]) -> dict[str, str]:
        """What to write for each name."""
        tokenizer, table, words = encoder.tokenizer, encoder.table, dict[str, str]()
        if vectors:
            tokenizer, weight = copy.deepcopy(tokenizer), table.weight
            for name, rows in vectors.items():
                tokens = [f"<{name.lower()}:{number}>" for number in range(len(rows))]
                tokenizer.add_tokens([AddedToken(token, normalized=False) for token in tokens])
                ids = tokenizer.convert_tokens_to_ids(tokens)
                missing = max(ids) + 1 - len(weight)
                if missing > 0:
                    weight = torch.cat((weight, weight.new_zeros(missing, encoder.width)))
                weight = weight.clone()
                weight[ids] = rows.to(weight)
                words[name] = " ".join(tokens)
            table = copy.deepcopy(table)
            table.weight = torch.nn.Parameter(weight, requires_grad=False)
            table.num_embeddings = len(weight)
        encoder.encoder.set_input_embeddings(table)
        setattr(self._pipeline, f"tokenizer{encoder.suffix}", tokenizer)
        _find_the_end(encoder, has_new_words=bool(vectors))
        return words


def _encoders(pipeline: Any) -> "list[_Encoder]":
    found: list[_Encoder] = []
    for suffix in _SUFFIXES:
        encoder = getattr(pipeline, f"text_encoder{suffix}", None)
        tokenizer = getattr(pipeline, f"tokenizer{suffix}", None)
        if encoder is not None and hasattr(tokenizer, "add_tokens"):
            found.append(_Encoder(suffix, encoder, tokenizer, encoder.get_input_embeddings()))
    return found


def _find_the_end(encoder: _Encoder, *, has_new_words: bool) -> None:
    end = encoder.tokenizer.eos_token_id
    old, new = (_OLD_END, end) if has_new_words else (end, _OLD_END)
    if getattr(encoder.encoder.config, "eos_token_id", None) == _OLD_END and end is not None:
        for module in encoder.encoder.modules():
            if getattr(module, "eos_token_id", None) == old:
                module.eos_token_id = new


def _name(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def _pattern(names: Sequence[str]) -> "re.Pattern[str]":
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"<(?:{either})>|(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)


def _mentions(name: str, text: str | None) -> bool:
    return text is not None and _pattern([name]).search(text) is not None


def _said(words: dict[str, str], text: str) -> str:
    """The text with each name in it replaced by its word."""
    if not words:
        return text
    by_name = {name.lower(): word for name, word in words.items()}
    return _pattern(list(words)).sub(lambda found: by_name[found.group().strip("<>").lower()], text)
