"""The node classes that this server has, as a table: inputs with their types, outputs, and whether a node delivers
something. `/object_info` shows it and the validation of graphs reads it (ComfyUI, nodes.py and comfy_extras)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pressroom.sandbox.core.wire import Json, JsonObject, json_list

SAMPLERS = ("euler", "euler_ancestral", "heun", "dpm_2", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_sde", "ddim", "uni_pc")
SCHEDULERS = ("simple", "sgm_uniform", "karras", "exponential", "ddim_uniform", "beta", "normal")
LARGEST_SEED = 2**64 - 1
LARGEST_PX = 16384


@dataclass(frozen=True)
class Input:
    """One input: a list of choices, a number with bounds, a text, or a link of the type that `kind` names."""

    kind: str
    choices: tuple[str, ...] = ()
    default: Json = None
    lowest: float | None = None
    highest: float | None = None
    step: float | None = None

    @property
    def is_value(self) -> bool:
        return self.kind in ("COMBO", "INT", "FLOAT", "STRING", "IMAGE_FILE")

    def config(self) -> list[Json]:
        """As `/object_info` and the validation's `input_config` show it."""
        if self.kind in ("COMBO", "IMAGE_FILE"):
            shown: list[Json] = [json_list(self.choices)]
            return [*shown, {"image_upload": True}] if self.kind == "IMAGE_FILE" else [*shown, {}]
        extra: JsonObject = {"multiline": True, "dynamicPrompts": True} if self.kind == "STRING" else {}
        bounds = (("default", self.default), ("min", self.lowest), ("max", self.highest), ("step", self.step))
        return [self.kind, {**extra, **{name: value for name, value in bounds if value is not None}}]


@dataclass(frozen=True)
class NodeClass:
    """One kind of node."""

    name: str
    inputs: dict[str, Input]
    outputs: tuple[str, ...]
    category: str
    is_output: bool = False
    optional: frozenset[str] = field(default_factory=lambda: frozenset[str]())

    def info(self) -> JsonObject:
        required: JsonObject = {n: one.config() for n, one in self.inputs.items() if n not in self.optional}
        optional: JsonObject = {n: one.config() for n, one in self.inputs.items() if n in self.optional}
        groups: JsonObject = {"required": required, **({"optional": optional} if optional else {})}
        if self.is_output:
            groups["hidden"] = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
        return {
            "input": groups,
            "input_order": {"required": json_list(required), **({"optional": json_list(optional)} if optional else {})},
            "output": json_list(self.outputs),
            "output_is_list": json_list(False for _ in self.outputs),
            "output_name": json_list(self.outputs),
            "name": self.name,
            "display_name": self.name,
            "description": "",
            "python_module": "nodes",
            "category": self.category,
            "output_node": self.is_output,
        }


def link(kind: str) -> Input:
    return Input(kind)


def choice(*values: str) -> Input:
    return Input("COMBO", choices=values)


def whole(default: int, lowest: int, highest: int, step: int = 1) -> Input:
    return Input("INT", default=default, lowest=lowest, highest=highest, step=step)


def fraction(default: float, lowest: float, highest: float, step: float) -> Input:
    return Input("FLOAT", default=default, lowest=lowest, highest=highest, step=step)


def text(default: str = "") -> Input:
    return Input("STRING", default=default)


def node_classes(models: tuple[str, ...]) -> dict[str, NodeClass]:
    """The classes of a server that has these checkpoints and diffusion models."""
    clips = ("clip_l.safetensors", "clip_g.safetensors", "t5xxl_fp8_e4m3fn.safetensors", "t5xxl_fp16.safetensors")
    loras = ("sandbox-style.safetensors", "sdxl_lightning_4step_lora.safetensors")
    side, batch = whole(1024, 16, LARGEST_PX, 8), whole(1, 1, 4096)
    classes = (
        NodeClass("CheckpointLoaderSimple", {"ckpt_name": choice(*models)}, ("MODEL", "CLIP", "VAE"), "loaders"),
        NodeClass(
            "UNETLoader",
            {"unet_name": choice(*models), "weight_dtype": choice("default", "fp8_e4m3fn", "fp8_e5m2")},
            ("MODEL",),
            "advanced/loaders",
        ),
        NodeClass(
            "CLIPLoader",
            {"clip_name": choice(*clips), "type": choice("stable_diffusion", "sd3", "flux2", "qwen_image")},
            ("CLIP",),
            "advanced/loaders",
        ),
        NodeClass(
            "DualCLIPLoader",
            {"clip_name1": choice(*clips), "clip_name2": choice(*clips), "type": choice("sdxl", "sd3", "flux")},
            ("CLIP",),
            "advanced/loaders",
        ),
        NodeClass(
            "VAELoader",
            {"vae_name": choice("ae.safetensors", "sdxl_vae.safetensors", "flux2-vae.safetensors")},
            ("VAE",),
            "loaders",
        ),
        NodeClass("CLIPTextEncode", {"text": text(), "clip": link("CLIP")}, ("CONDITIONING",), "conditioning"),
        NodeClass(
            "FluxGuidance",
            {"conditioning": link("CONDITIONING"), "guidance": fraction(3.5, 0.0, 100.0, 0.1)},
            ("CONDITIONING",),
            "advanced/conditioning/flux",
        ),
        NodeClass(
            "LoraLoader",
            {
                "model": link("MODEL"),
                "clip": link("CLIP"),
                "lora_name": choice(*loras),
                "strength_model": fraction(1.0, -100.0, 100.0, 0.01),
                "strength_clip": fraction(1.0, -100.0, 100.0, 0.01),
            },
            ("MODEL", "CLIP"),
            "loaders",
        ),
        NodeClass("EmptyLatentImage", {"width": side, "height": side, "batch_size": batch}, ("LATENT",), "latent"),
        NodeClass(
            "EmptySD3LatentImage", {"width": side, "height": side, "batch_size": batch}, ("LATENT",), "latent/sd3"
        ),
        NodeClass(
            "KSampler",
            {
                "model": link("MODEL"),
                "seed": whole(0, 0, LARGEST_SEED),
                "steps": whole(20, 1, 10000),
                "cfg": fraction(8.0, 0.0, 100.0, 0.1),
                "sampler_name": choice(*SAMPLERS),
                "scheduler": choice(*SCHEDULERS),
                "positive": link("CONDITIONING"),
                "negative": link("CONDITIONING"),
                "latent_image": link("LATENT"),
                "denoise": fraction(1.0, 0.0, 1.0, 0.01),
            },
            ("LATENT",),
            "sampling",
        ),
        NodeClass("LoadImage", {"image": Input("IMAGE_FILE")}, ("IMAGE", "MASK"), "image"),
        NodeClass(
            "ImageScale",
            {
                "image": link("IMAGE"),
                "upscale_method": choice("nearest-exact", "bilinear", "area", "bicubic", "lanczos"),
                "width": whole(512, 1, LARGEST_PX),
                "height": whole(512, 1, LARGEST_PX),
                "crop": choice("disabled", "center"),
            },
            ("IMAGE",),
            "image/upscaling",
        ),
        NodeClass("VAEEncode", {"pixels": link("IMAGE"), "vae": link("VAE")}, ("LATENT",), "latent"),
        NodeClass("VAEDecode", {"samples": link("LATENT"), "vae": link("VAE")}, ("IMAGE",), "latent"),
        NodeClass(
            "SaveImage", {"images": link("IMAGE"), "filename_prefix": text("ComfyUI")}, (), "image", is_output=True
        ),
        NodeClass("PreviewImage", {"images": link("IMAGE")}, (), "image", is_output=True),
    )
    return {one.name: one for one in classes}
