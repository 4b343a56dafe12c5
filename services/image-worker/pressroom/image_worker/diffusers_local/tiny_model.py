"""Models of a megabyte with random weights, so that the lane can be tried, tested and measured without a download: real
pipelines of both families, which paint noise. `python -m pressroom.image_worker.diffusers_local.tiny_model FOLDER`.
"""

# pyright: reportMissingImports=false, reportPrivateImportUsage=false, reportArgumentType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownMemberType=false, reportAttributeAccessIssue=false

import argparse
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

CLIP_WIDTH = 32
T5_WIDTH = 24
PROMPT_TOKENS = 77
BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def make_tiny_flux(folder: Path) -> Path:
    """Guided by a distilled scale, no negative prompt, sides in multiples of 16."""
    torch.manual_seed(0)
    t5_tokenizer = _t5_tokenizer()
    config = T5Config(
        vocab_size=len(t5_tokenizer), d_model=T5_WIDTH, d_kv=8, d_ff=32, num_layers=2, num_heads=4, dropout_rate=0.0
    )
    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=True,
    )
    tokenizer = _clip_tokenizer()
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(shift_factor=0.0),
        text_encoder=_clip(tokenizer),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(config).eval(),
        tokenizer_2=t5_tokenizer,
        transformer=transformer.eval(),
    )
    pipeline.save_pretrained(folder)
    return folder


def make_tiny_stable_diffusion(folder: Path) -> Path:
    """Guided against a negative prompt, sides in multiples of 8."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=CLIP_WIDTH,
        attention_head_dim=8,
        norm_num_groups=4,
    )
    tokenizer = _clip_tokenizer()
    pipeline = StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=_clip(tokenizer),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _vae(**more: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=64,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        **more,
    ).eval()


def _clip(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=CLIP_WIDTH,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=PROMPT_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=CLIP_WIDTH,
        # Wide enough apart that two prompts make two pictures, which the usual 0.02 does not.
        initializer_factor=5.0,
    )
    return CLIPTextModel(config).eval()


def _clip_tokenizer() -> CLIPTokenizer:
    """Letter by letter: every byte is a token, in and at the end of a word."""
    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), BEGIN, END]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)}, merges=[], model_max_length=PROMPT_TOKENS
    )


def _t5_tokenizer() -> T5Tokenizer:
    letters = [chr(code) for code in range(33, 127)]
    tokens = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((letter, -3.0) for letter in letters)]
    return T5Tokenizer(vocab=tokens, extra_ids=0, model_max_length=512)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pressroom.image_worker.diffusers_local.tiny_model")
    parser.add_argument("folder", type=Path, help="where to write it")
    parser.add_argument("--family", choices=("flux", "stable-diffusion"), default="flux")
    arguments = parser.parse_args()
    make = make_tiny_flux if arguments.family == "flux" else make_tiny_stable_diffusion
    make(arguments.folder)


if __name__ == "__main__":
    main()
