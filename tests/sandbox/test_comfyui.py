"""A ComfyUI server over HTTP and WebSocket: what a client may rely on, and what it must survive."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import groupby
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .comfy import comfy, graph, images, listening, next_message, past, post, until_nothing_runs
from .images import png, size_of
from .process import Sandbox, wait_for


def test_a_graph_runs_and_its_picture_is_found_by_its_own_history(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        entry = past(http, post(http, graph()))
        [image] = images(entry)
        picture = http.get("/view", params=image)
    assert entry["status"]["status_str"] == "success"
    assert entry["status"]["completed"] is True
    assert image["filename"].startswith("fox_")
    assert picture.headers["content-type"] == "image/png"
    assert size_of(picture.content) == (128, 96)
    assert sandbox.stats()["comfyui"]["images"] == 1


def test_the_prompt_id_is_the_clients_and_must_be_a_uuid(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        mine = str(uuid.uuid4())
        assert http.post("/prompt", json={"prompt": graph(), "prompt_id": mine}).json()["prompt_id"] == mine
        refused = http.post("/prompt", json={"prompt": graph(), "prompt_id": "fox"})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_prompt_id")


def test_the_same_id_posted_twice_runs_twice_and_is_counted(sandbox: Sandbox) -> None:
    mine = str(uuid.uuid4())
    with comfy(sandbox) as http:
        for _ in range(2):
            http.post("/prompt", json={"prompt": graph(), "prompt_id": mine})
        wait_for(lambda: sandbox.stats()["comfyui"]["waiting"] == 0, "the queue to be empty")
    stats = sandbox.stats()["comfyui"]
    assert (stats["jobs"], stats["jobs_made_twice"], stats["prompt_ids_posted_twice"]) == (2, 1, 1)


def test_events_come_in_the_order_of_a_real_server(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http, listening(sandbox, "me") as socket:
        assert next_message(socket, "status")["sid"] == "me"
        prompt_id = post(http, graph(steps=4), client_id="me")
        messages = until_nothing_runs(socket)
    kinds = [kind for kind, _ in groupby(message["type"] for message in messages)]
    assert kinds[:4] == ["status", "execution_start", "execution_cached", "progress_state"]
    assert kinds[-4:] == ["executed", "execution_success", "status", "executing"]
    progress = [message["data"] for message in messages if message["type"] == "progress"]
    assert [(one["value"], one["max"], one["node"]) for one in progress] == [(n, 4, "3") for n in range(1, 5)]
    assert all(message["data"]["prompt_id"] == prompt_id for message in messages if message["type"] != "status")


def test_other_clients_are_told_nothing_of_my_prompt(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http, listening(sandbox, "other") as other:
        past(http, post(http, graph(), client_id="me"))
        past(http, post(http, graph(seed=2), client_id="other"))
        messages = until_nothing_runs(other)
    assert len({one["data"]["prompt_id"] for one in messages if one["type"] != "status"}) == 1


def test_an_identical_graph_is_served_from_cache_with_the_same_file_names(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http, listening(sandbox, "me") as socket:
        first = past(http, post(http, graph(seed=7)))
        second = past(http, post(http, graph(seed=7), client_id="me"))
        cached = next_message(socket, "execution_cached")
        third = past(http, post(http, graph(seed=8)))
    assert sorted(cached["nodes"]) == sorted(graph())
    assert images(first) == images(second) != images(third)
    stats = sandbox.stats()["comfyui"]
    assert (stats["jobs"], stats["images"], stats["cached_jobs"], stats["jobs_made_twice"]) == (3, 2, 1, 1)


def test_at_the_moment_of_an_error_the_history_is_still_empty(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(comfyui_step_seconds=0.5)
    with comfy(sandbox) as http, listening(sandbox, "me") as socket:
        prompt_id = post(http, graph("a fox [sandbox:oom]"), client_id="me")
        error = next_message(socket, "execution_error")
        assert http.get(f"/history/{prompt_id}").json() == {}
        entry = past(http, prompt_id)
    assert (error["node_id"], error["node_type"]) == ("3", "KSampler")
    assert error["exception_type"] == "torch.OutOfMemoryError"
    assert (entry["status"]["status_str"], entry["status"]["completed"], entry["outputs"]) == ("error", False, {})
    assert entry["status"]["messages"][-1][0] == "execution_error"


def test_the_queue_tells_what_runs_and_what_waits(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        running = post(http, graph(steps=10_000), client_id="me")
        pending = post(http, graph(seed=2))
        wait_for(lambda: http.get("/queue").json()["queue_running"], "the first to run")
        queue = http.get("/queue").json()
        number, prompt_id, prompt, extra_data, outputs = queue["queue_running"][0]
        assert (prompt_id, prompt, outputs) == (running, graph(steps=10_000), ["9"])
        assert extra_data["client_id"] == "me"
        assert [one[1] for one in queue["queue_pending"]] == [pending]
        assert queue["queue_pending"][0][0] == number + 1
        http.post("/queue", json={"delete": [pending, running]})
        queue = http.get("/queue").json()
        assert ([one[1] for one in queue["queue_running"]], queue["queue_pending"]) == ([running], [])
        http.post("/interrupt", json={"prompt_id": running})
        assert past(http, running)["status"]["messages"][-1][0] == "execution_interrupted"
    assert sandbox.stats()["comfyui"]["images"] == 0


def test_an_interrupt_of_another_prompt_stops_nothing(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http, listening(sandbox, "me") as socket:
        running = post(http, graph(steps=10_000), client_id="me")
        next_message(socket, "progress")
        http.post("/interrupt", json={"prompt_id": str(uuid.uuid4())})
        next_message(socket, "progress")
        http.post("/interrupt", json={})
        assert next_message(socket, "execution_interrupted")["prompt_id"] == running


def validation(http: httpx.Client, prompt: object) -> dict[str, Any]:
    reply = http.post("/prompt", json={"prompt": prompt})
    assert reply.status_code == 400
    return reply.json()


def test_graphs_that_cannot_run_are_refused_in_comfyuis_words(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        assert http.post("/prompt", json={}).json()["error"]["type"] == "no_prompt"
        assert validation(http, {"1": {"inputs": {}}})["error"]["type"] == "invalid_prompt"
        unknown = validation(http, {"1": {"class_type": "Teleport", "inputs": {}}})
        assert unknown["error"]["message"] == "Cannot execute because node Teleport does not exist."
        assert validation(http, {"4": graph()["4"]})["error"]["type"] == "prompt_no_outputs"
    assert sandbox.stats()["comfyui"]["jobs"] == 0


def test_a_model_that_is_not_there_is_no_value_in_its_list(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        refused = validation(http, graph(model="gone.safetensors"))
    assert refused["error"]["type"] == "prompt_outputs_failed_validation"
    assert set(refused["node_errors"]) == {"4"}
    wrong = refused["node_errors"]["4"]
    assert (wrong["class_type"], wrong["dependent_outputs"]) == ("CheckpointLoaderSimple", ["9"])
    assert wrong["errors"][0]["type"] == "value_not_in_list"
    assert wrong["errors"][0]["extra_info"]["received_value"] == "gone.safetensors"


@pytest.mark.parametrize(
    ("node", "name", "value", "kind"),
    [
        ("3", "steps", 0, "value_smaller_than_min"),
        ("3", "steps", 10_001, "value_bigger_than_max"),
        ("3", "steps", "many", "invalid_input_type"),
        ("3", "model", "4", "bad_linked_input"),
        ("3", "model", ["99", 0], "bad_linked_input"),
        ("3", "model", ["4", 1], "return_type_mismatch"),
        ("6", "text", None, "required_input_missing"),
    ],
)
def test_every_wrong_input_has_its_own_kind(sandbox: Sandbox, node: str, name: str, value: object, kind: str) -> None:
    wrong = graph()
    wrong[node]["inputs"][name] = value
    if value is None:
        del wrong[node]["inputs"][name]
    with comfy(sandbox) as http:
        assert validation(http, wrong)["node_errors"][node]["errors"][0]["type"] == kind


def test_an_uploaded_image_may_be_drawn_over(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        names = [
            http.post("/upload/image", files={"image": ("in.png", content)}, data=data).json()["name"]
            for content, data in ((png(100, 50), {}), (png(), {}), (png(60, 120), {"overwrite": "true"}))
        ]
        assert names == ["in.png", "in (1).png", "in.png"]
        over = graph()
        over["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["4", 2]}}
        over["10"] = {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
        [image] = images(past(http, post(http, over)))
        assert size_of(http.get("/view", params=image).content) == (60, 120)
        over["10"]["inputs"]["image"] = "gone.png"
        assert validation(http, over)["node_errors"]["10"]["errors"][0]["type"] == "custom_validation_failed"


def test_a_batch_makes_several_pictures_and_previews_are_temporary(sandbox: Sandbox) -> None:
    shown = graph(batch_size=3)
    shown["11"] = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    with comfy(sandbox) as http:
        entry = past(http, post(http, shown))
        assert len({image["filename"] for image in entry["outputs"]["9"]["images"]}) == 3
        assert {image["type"] for image in entry["outputs"]["11"]["images"]} == {"temp"}
        assert len({http.get("/view", params=image).content for image in entry["outputs"]["9"]["images"]}) == 3


def test_loading_another_model_is_counted(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        other = "flux1-schnell.safetensors"
        for seed, model in enumerate(("sd_xl_base_1.0.safetensors", "sd_xl_base_1.0.safetensors", other)):
            past(http, post(http, graph(seed=seed, model=model)))
    stats = sandbox.stats()["comfyui"]
    assert (stats["model_loads"], stats["warm_model"]) == (2, other)


def test_two_servers_know_nothing_of_each_other(sandbox: Sandbox) -> None:
    with comfy(sandbox) as one, comfy(sandbox, "comfyui-2") as two:
        prompt_id = post(two, graph())
        past(two, prompt_id)
        assert one.get(f"/history/{prompt_id}").json() == {}
    assert [sandbox.stats()[name]["jobs"] for name in ("comfyui", "comfyui-2")] == [0, 1]


def test_it_says_what_it_has(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        info = http.get("/object_info").json()
        assert "sd_xl_base_1.0.safetensors" in info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0]
        assert info["SaveImage"]["output_node"] is True
        assert list(http.get("/object_info/KSampler").json()) == ["KSampler"]
        assert http.get("/object_info/Teleport").json() == {}
        assert http.get("/system_stats").json()["system"]["comfyui_version"]
        assert http.get("/api/queue").json() == {"queue_running": [], "queue_pending": []}


def test_nobody_gets_out_of_the_folder_of_pictures(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        assert http.get("/view?filename=../../sandbox.sqlite3").status_code == 400
        assert http.get("/view?filename=sandbox.sqlite3&subfolder=..").status_code == 400
        assert http.get("/view?filename=gone.png").status_code == 404


def test_faults_have_the_shape_of_a_plain_server(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="comfyui", kind="500", match="POST /comfyui/prompt")
    sandbox.fault(vendor="comfyui", kind="not_a_picture", match="GET /comfyui/view")
    with comfy(sandbox) as http:
        failed = http.post("/prompt", json={"prompt": graph()})
        assert (failed.status_code, failed.headers["content-type"].split(";")[0]) == (500, "text/plain")
        [image] = images(past(http, post(http, graph())))
        assert http.get("/view", params=image).content.startswith(b"This is not a picture")


def test_a_post_that_is_cut_after_its_effect_is_found_in_the_queue_or_the_history(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="comfyui", kind="cut_after_effect", match="POST /comfyui/prompt")
    mine = str(uuid.uuid4())
    with comfy(sandbox) as http:
        with pytest.raises(httpx.TransportError):
            http.post("/prompt", json={"prompt": graph(), "prompt_id": mine})
        assert past(http, mine)["prompt"][1] == mine
    assert sandbox.stats()["comfyui"]["jobs"] == 1


def test_a_websocket_may_be_refused_or_hung_up_in_the_middle(sandbox: Sandbox) -> None:
    sandbox.fault(vendor="comfyui", kind="cut_before", match="WS /comfyui/ws")
    sandbox.fault(vendor="comfyui", kind="cut_after_effect", match="WS /comfyui/ws")
    with pytest.raises(InvalidStatus), listening(sandbox, "me"):
        pass
    with comfy(sandbox) as http, listening(sandbox, "me") as socket:
        prompt_id = post(http, graph(), client_id="me")
        with pytest.raises(ConnectionClosed):
            next_message(socket, "executed")
        assert past(http, prompt_id)["status"]["status_str"] == "success"


def test_killed_in_the_middle_of_a_run_it_makes_the_picture_once(start_sandbox: Callable[..., Sandbox]) -> None:
    first = start_sandbox(comfyui_step_seconds=0.2)
    with comfy(first) as http:
        done = post(http, graph(seed=1, steps=1))
        kept = images(past(http, done))
        running, waiting = post(http, graph(seed=2)), post(http, graph(seed=3))
        wait_for(lambda: http.get("/queue").json()["queue_running"], "the second to run")
    first.kill()
    second = start_sandbox()
    with comfy(second) as http:
        assert images(past(http, done)) == kept
        assert http.get("/view", params=kept[0]).status_code == 200
        assert images(past(http, running)) != images(past(http, waiting))
    stats = second.stats()["comfyui"]
    assert (stats["jobs"], stats["images"], stats["jobs_made_twice"]) == (3, 3, 0)


def test_its_pictures_are_on_the_page(sandbox: Sandbox) -> None:
    with comfy(sandbox) as http:
        prompt_id = post(http, graph("a fox for the page"))
        past(http, prompt_id)
    assert "a fox for the page" in httpx.get(f"{sandbox.url}/_sandbox/").text
    picture = httpx.get(f"{sandbox.url}/_sandbox/comfyui/picture/{prompt_id}")
    assert picture.headers["content-type"] == "image/webp"
