"""Which outside vendors are real and which are played by the sandbox: one without a key in the environment is played.

A stand-in gets every setting of its vendor from here, so that a real shop's name never meets a stand-in's key.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Vendor:
    """`key_settings`: any of them set means the real vendor.

    `stand_in`: the settings of its stand-in, `{url}` being the sandbox's and `{gateway}` ours.
    """

    name: str
    prefix: str
    key_settings: tuple[str, ...]
    stand_in: Mapping[str, str]

    def is_real(self, environment: Mapping[str, str]) -> bool:
        return any(environment.get(setting) for setting in self.key_settings)

    def without_its_settings(self, environment: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in environment.items() if not name.startswith(self.prefix)}


VENDORS = (
    Vendor(
        "Gemini",
        "PRESSROOM_GEMINI_",
        ("PRESSROOM_GEMINI_API_KEY",),
        {
            "PRESSROOM_GEMINI_URL": "{url}",
            "PRESSROOM_GEMINI_API_KEY": "sandbox-gemini-key",
            # The sandbox is done in seconds, where Gemini takes hours.
            "PRESSROOM_POLL_INITIAL_S": "1",
        },
    ),
    Vendor(
        "OpenAI",
        "PRESSROOM_OPENAI_",
        ("PRESSROOM_OPENAI_API_KEY",),
        {
            "PRESSROOM_OPENAI_URL": "{url}/openai",
            "PRESSROOM_OPENAI_API_KEY": "sandbox-openai-key",
        },
    ),
    Vendor(
        "RunPod",
        "PRESSROOM_RUNPOD_",
        ("PRESSROOM_RUNPOD_API_KEY",),
        {
            "PRESSROOM_RUNPOD_URL": "{url}/runpod/v2",
            "PRESSROOM_RUNPOD_API_KEY": "sandbox-runpod-key",
            "PRESSROOM_RUNPOD_ENDPOINT_ID": "sandbox-endpoint",
            "PRESSROOM_TRUSTED_PRIVATE_HOSTS": '["127.0.0.1"]',
        },
    ),
    Vendor(
        "Flux",
        "PRESSROOM_FLUX_",
        ("PRESSROOM_FLUX_API_KEY",),
        {
            "PRESSROOM_FLUX_URL": "{url}/flux",
            "PRESSROOM_FLUX_API_KEY": "sandbox-flux-key",
            "PRESSROOM_FLUX_RESULT_HOSTS": '["127.0.0.1"]',
            "PRESSROOM_TRUSTED_PRIVATE_HOSTS": '["127.0.0.1"]',
        },
    ),
    Vendor(
        "ComfyUI",
        "PRESSROOM_COMFYUI_",
        ("PRESSROOM_COMFYUI_URLS",),
        {"PRESSROOM_COMFYUI_URLS": '["{url}/comfyui"]'},
    ),
    Vendor(
        "Printify",
        "PRESSROOM_PRINTIFY_",
        ("PRESSROOM_PRINTIFY_TOKEN",),
        {
            "PRESSROOM_PRINTIFY_URL": "{url}/printify",
            "PRESSROOM_PRINTIFY_TOKEN": "sandbox-printify-token",
            "PRESSROOM_PRINTIFY_SHOP_ID": "5432101",
            "PRESSROOM_PRINTIFY_UPLOAD_URL_BASE": "{gateway}/files",
        },
    ),
    Vendor(
        "Shopify",
        "PRESSROOM_SHOPIFY_",
        ("PRESSROOM_SHOPIFY_TOKEN", "PRESSROOM_SHOPIFY_CLIENT_SECRET"),
        {
            "PRESSROOM_SHOPIFY_URL": "{url}/shopify",
            "PRESSROOM_SHOPIFY_SHOP": "sandbox",
            "PRESSROOM_SHOPIFY_TOKEN": "sandbox-shopify-token",
        },
    ),
)


def stand_ins(environment: Mapping[str, str]) -> tuple[Vendor, ...]:
    """The vendors that the sandbox has to play."""
    return tuple(vendor for vendor in VENDORS if not vendor.is_real(environment))


def with_stand_ins(environment: Mapping[str, str], sandbox_url: str, gateway_url: str) -> dict[str, str]:
    """The environment of the services: real vendors as they are, the others at the sandbox."""
    result = dict(environment)
    for vendor in stand_ins(environment):
        result = vendor.without_its_settings(result)
        result.update(
            {name: value.format(url=sandbox_url, gateway=gateway_url) for name, value in vendor.stand_in.items()}
        )
    return result
