"""Workflow templates: what a filled one looks like, and how a bad one is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pressroom.contracts.capabilities import SizeRules
from pressroom.image_worker.providers import GenerationRequest, NotConfigured
from pressroom.image_worker.workflows import (
    BadWorkflow,
    SlotValues,
    Workflows,
    WorkflowSettings,
    WorkflowTemplates,
    model_in,
)
from pressroom.runtime.errors import InvalidRequest

VALUES = SlotValues(
    prompt="A red fox",
    negative="blurry",
    seed=2**32 - 1,
    width=768,
    height=960,
    steps=20,
    guidance=3.5,
    model="mine.safetensors",
    image="abc.png",
)
EXAMPLES = Path(__file__).parents[2] / "examples" / "workflows"


def workflow(**sampler: object) -> dict[str, dict[str, object]]:
    """The smallest good template."""
    return {
        "1": {"class_type": "Sampler", "inputs": {"text": "{{prompt}}", "seed": "{{seed}}", **sampler}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}},
    }


def templates(folder: Path, content: object, name: str = "mine") -> WorkflowTemplates:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / f"{name}.json").write_text(text)
    return WorkflowTemplates(folder)


def inputs(graph: dict[str, Any], node: str) -> dict[str, Any]:
    return graph[node]["inputs"]


def test_the_built_in_templates_are_there_and_take_every_value():
    built_in = WorkflowTemplates(None)
    assert built_in.names == ("default", "flux", "image-to-image")
    for name in built_in.names:
        text = json.dumps(built_in.fill(name, VALUES))
        assert "{{" not in text
        for value in ("A red fox", "4294967295", "mine.safetensors", "768", "960", "3.5"):
            assert value in text


def test_where_a_slot_stands_is_known():
    built_in = WorkflowTemplates(None)
    assert built_in.inputs_of("model", "default") == {"ckpt_name"}
    assert built_in.inputs_of("model", "flux") == {"unet_name"}
    assert built_in.inputs_of("image", "image-to-image") == {"image"}
    assert built_in.inputs_of("image", "default") == set()


def test_numbers_arrive_as_numbers_and_text_as_text():
    graph = WorkflowTemplates(None).fill("default", VALUES)
    assert inputs(graph, "5")["seed"] == 4294967295
    assert inputs(graph, "5")["cfg"] == 3.5
    assert inputs(graph, "4") == {"width": 768, "height": 960, "batch_size": 1}
    assert inputs(graph, "2") == {"text": "A red fox", "clip": ["1", 1]}


def test_a_slot_inside_a_longer_string_becomes_text(tmp_path: Path):
    mine = templates(tmp_path, workflow(note="fox-{{seed}}-{{steps}} steps, {{prompt}}!", deep=[{"a": "{{width}}"}]))
    graph = mine.fill("mine", VALUES)
    assert inputs(graph, "1")["note"] == "fox-4294967295-20 steps, A red fox!"
    assert inputs(graph, "1")["deep"] == [{"a": 768}]


@pytest.mark.parametrize(
    "prompt", ["{{seed}}", "{{model|x}} {{prompt}}", 'say "hi" \\ \n\t', "{red|blue} \\g<0> \\1", ""]
)
def test_a_prompt_is_data_and_comes_through_as_it_is(tmp_path: Path, prompt: str):
    mine = templates(tmp_path, workflow(longer="[{{prompt}}] {{seed}}"))
    graph = mine.fill("mine", replace(VALUES, prompt=prompt))
    assert inputs(graph, "1")["text"] == prompt
    assert inputs(graph, "1")["longer"] == f"[{prompt}] 4294967295"
    assert inputs(json.loads(json.dumps(graph)), "1")["text"] == prompt


def test_filling_leaves_the_template_as_it_was(tmp_path: Path):
    mine = templates(tmp_path, workflow())
    inputs(mine.fill("mine", VALUES), "1")["text"] = "changed"
    assert inputs(mine.fill("mine", VALUES), "1")["text"] == "A red fox"


def test_a_value_that_is_absent_has_the_slots_default(tmp_path: Path):
    mine = templates(
        tmp_path, workflow(model="{{model|sd_xl_base_1.0.safetensors}}", bad="{{negative|text, watermark}}")
    )
    absent = mine.fill("mine", replace(VALUES, model=None, negative=None))
    assert inputs(absent, "1")["model"] == "sd_xl_base_1.0.safetensors"
    assert inputs(absent, "1")["bad"] == "text, watermark"
    given = mine.fill("mine", VALUES)
    assert inputs(given, "1")["model"] == "mine.safetensors"
    assert inputs(given, "1")["bad"] == "blurry"


def test_an_absent_negative_prompt_is_empty():
    graph = WorkflowTemplates(None).fill("default", replace(VALUES, negative=None))
    assert inputs(graph, "3")["text"] == ""


def test_a_value_that_is_absent_without_a_default_is_asked_for(tmp_path: Path):
    with pytest.raises(InvalidRequest, match=r"'image-to-image' starts from a reference picture.*input_images"):
        WorkflowTemplates(None).fill("image-to-image", replace(VALUES, image=None))
    mine = templates(tmp_path, workflow(model="{{model}}"))
    with pytest.raises(InvalidRequest, match="'mine' has no model of its own"):
        mine.fill("mine", replace(VALUES, model=None))


def test_an_unknown_workflow_is_refused_with_those_that_exist():
    with pytest.raises(InvalidRequest, match="no workflow 'gone'; there are: default, flux, image-to-image"):
        WorkflowTemplates(None).fill("gone", VALUES)


def test_a_folders_template_wins_over_a_built_in_one_of_its_name(tmp_path: Path):
    mine = templates(tmp_path, workflow(), name="default")
    assert set(mine.fill("default", VALUES)) == {"1", "2"}
    assert mine.names == ("default", "flux", "image-to-image")


def test_comments_are_for_readers_and_are_not_sent(tmp_path: Path):
    mine = templates(tmp_path, {"_comment": ["how", "it works"], **workflow()})
    assert set(mine.fill("mine", VALUES)) == {"1", "2"}


BROKEN = workflow(model=["9", 0])
SILENT = {"1": workflow()["1"]}
TO_A_SOCKET = {**SILENT, "2": {"class_type": "SaveImageWebsocket", "inputs": {"images": ["1", 0]}}}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ([], r"not a JSON object of nodes: export it .* Export \(API\)"),
        ({}, "it has no nodes"),
        ({"nodes": [], "links": []}, r"as the editor saves it, which cannot be run: export it .* Export \(API\)"),
        ({"1": {"inputs": {}}}, r"node 1: it is no node of the API format \(class_type: Field required\)"),
        ({"1": "x"}, "node 1: it is no node of the API format"),
        ({**workflow(), "1": {"class_type": "Sampler", "inputs": {"seed": "{{seed}}"}}}, "no slot for the prompt"),
        ({**workflow(), "1": {"class_type": "Sampler", "inputs": {"text": "{{prompt}}"}}}, "no slot for the seed"),
        (workflow(x="{{promt}}"), r"node 1 \(Sampler\), input 'x': there is no slot {{promt}}; there are: prompt, neg"),
        (workflow(x="{{steps|many}}"), r"node 1 \(Sampler\), input 'x': the default of {{steps}} is a number"),
        (BROKEN, r"node 1 \(Sampler\), input 'model': it comes from node 9, which does not exist"),
        (SILENT, "no output node"),
        (TO_A_SOCKET, r"node 2 \(SaveImageWebsocket\): its pictures cannot be fetched later"),
    ],
)
def test_a_bad_template_is_refused_at_the_start_with_its_file(tmp_path: Path, content: object, complaint: str):
    with pytest.raises(BadWorkflow, match=rf"(?s)mine\.json: .*{complaint}") as refused:
        templates(tmp_path, content)
    assert isinstance(refused.value, NotConfigured)


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path):
    (tmp_path / "a.json").write_text("nonsense")
    (tmp_path / "b name.json").write_text(json.dumps(workflow()))
    with pytest.raises(BadWorkflow) as refused:
        templates(tmp_path, {"1": {"class_type": "Sampler"}})
    lines = str(refused.value).splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == ["a.json", "b name.json", *["mine.json"] * 3]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(BadWorkflow, match=r"nowhere: there is no such folder"):
        WorkflowTemplates(tmp_path / "nowhere")


def test_the_example_can_be_copied_and_used():
    assert EXAMPLES.is_dir()
    examples = WorkflowTemplates(EXAMPLES)
    for path in EXAMPLES.glob("*.json"):
        assert "A red fox" in json.dumps(examples.fill(path.stem, VALUES))


SETTINGS = WorkflowSettings(
    folder=None,
    workflow="default",
    model=None,
    folder_setting="FOLDER_SETTING",
    workflow_setting="WORKFLOW_SETTING",
    model_setting="MODEL_SETTING",
)
REQUEST = GenerationRequest(
    "batch_1-0000", "A red fox", None, None, seed=7, width_px=500, height_px=700, steps=20, guidance=3.5
)


def workflows(**settings: Any) -> Workflows:
    return Workflows("Vendor", SizeRules(side_multiple=16), replace(SETTINGS, **settings))


def test_without_a_model_setting_the_default_workflows_own_is_told():
    assert workflows().model == "sd_xl_base_1.0.safetensors"
    assert workflows(workflow="flux").model == "flux1-dev.safetensors"
    assert workflows(workflow="flux", model="mine.safetensors").model == "mine.safetensors"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"folder": Path("nowhere")}, "FOLDER_SETTING: nowhere: there is no such folder"),
        ({"workflow": "mine"}, "WORKFLOW_SETTING: there is no 'mine'; there are: default, flux, image-to-image"),
    ],
)
def test_a_setting_that_cannot_work_is_named(settings: dict[str, Any], says: str):
    with pytest.raises(NotConfigured, match=says):
        workflows(**settings)


def test_a_default_workflow_that_needs_a_model_names_the_setting(tmp_path: Path):
    (tmp_path / "mine.json").write_text(json.dumps(workflow(ckpt_name="{{model}}")))

    with pytest.raises(NotConfigured, match="MODEL_SETTING: the workflow 'mine' has no model of its own"):
        workflows(folder=tmp_path, workflow="mine")
    assert workflows(folder=tmp_path, workflow="mine", model="a").model == "a"


def test_a_reference_picture_goes_where_it_has_a_place():
    chosen = workflows()
    with_picture = replace(REQUEST, input_images=(b"picture",))

    assert chosen.name_for(REQUEST) == "default"
    assert chosen.name_for(replace(REQUEST, workflow="flux")) == "flux"
    assert chosen.name_for(with_picture) == "image-to-image"
    with pytest.raises(InvalidRequest, match="Vendor's workflow 'flux' has no place for a reference picture"):
        chosen.name_for(replace(with_picture, workflow="flux"))
    with pytest.raises(InvalidRequest, match="Vendor takes one reference picture, not 2"):
        chosen.name_for(replace(REQUEST, input_images=(b"one", b"two")))


def test_the_settings_model_is_for_workflows_that_load_it_alike():
    chosen = workflows(model="mine.safetensors")

    assert chosen.model_for(REQUEST, "image-to-image") == "mine.safetensors"
    assert chosen.model_for(REQUEST, "flux") is None
    assert chosen.model_for(replace(REQUEST, model="batch.safetensors"), "flux") == "batch.safetensors"


def test_a_request_fills_its_workflow_with_a_size_that_the_vendor_makes():
    graph = workflows().fill("default", REQUEST, "mine.safetensors", None)

    assert inputs(graph, "4") == {"width": 496, "height": 704, "batch_size": 1}
    assert inputs(graph, "5")["seed"] == 7
    assert model_in(graph) == "mine.safetensors"
