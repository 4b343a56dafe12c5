"""Which vendors are real: one key makes one vendor real and leaves the others to the sandbox."""

import json

from pressroom.cli.vendors import stand_ins, with_stand_ins

SANDBOX, GATEWAY = "http://127.0.0.1:1", "http://127.0.0.1:2"
ALL = ["Gemini", "OpenAI", "RunPod", "Flux", "ComfyUI", "Printify", "Shopify"]


def test_without_keys_every_vendor_is_played() -> None:
    assert [vendor.name for vendor in stand_ins({})] == ALL
    environment = with_stand_ins({}, SANDBOX, GATEWAY)
    assert environment["PRESSROOM_GEMINI_URL"] == SANDBOX
    assert environment["PRESSROOM_OPENAI_URL"] == f"{SANDBOX}/openai"
    assert environment["PRESSROOM_RUNPOD_URL"] == f"{SANDBOX}/runpod/v2"
    assert environment["PRESSROOM_FLUX_URL"] == f"{SANDBOX}/flux"
    assert environment["PRESSROOM_PRINTIFY_URL"] == f"{SANDBOX}/printify"
    assert environment["PRESSROOM_SHOPIFY_URL"] == f"{SANDBOX}/shopify"


def test_settings_that_are_lists_stay_json() -> None:
    environment = with_stand_ins({}, SANDBOX, GATEWAY)
    assert json.loads(environment["PRESSROOM_FLUX_RESULT_HOSTS"]) == ["127.0.0.1"]
    assert json.loads(environment["PRESSROOM_COMFYUI_URLS"]) == [f"{SANDBOX}/comfyui"]


def test_a_key_keeps_its_vendor_real() -> None:
    environment = {"PRESSROOM_GEMINI_API_KEY": "a-key", "PRESSROOM_GEMINI_MODEL": "a-model"}
    assert [vendor.name for vendor in stand_ins(environment)] == ALL[1:]
    result = with_stand_ins(environment, SANDBOX, GATEWAY)
    assert result["PRESSROOM_GEMINI_API_KEY"] == "a-key"
    assert result["PRESSROOM_GEMINI_MODEL"] == "a-model"
    assert "PRESSROOM_GEMINI_URL" not in result


def test_a_real_shop_never_meets_a_stand_ins_key() -> None:
    environment = {"PRESSROOM_SHOPIFY_SHOP": "my-real-shop", "PRESSROOM_PRINTIFY_SHOP_ID": "1"}
    result = with_stand_ins(environment, SANDBOX, GATEWAY)
    assert result["PRESSROOM_SHOPIFY_SHOP"] != "my-real-shop"
    assert result["PRESSROOM_PRINTIFY_SHOP_ID"] != "1"


def test_an_empty_key_is_no_key() -> None:
    assert "Gemini" in [vendor.name for vendor in stand_ins({"PRESSROOM_GEMINI_API_KEY": ""})]
