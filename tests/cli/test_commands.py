"""The commands against a running instance: ask, follow, audit, and bring back what was dead."""

import asyncio
import json

import nats

from .conftest import Instance, pressroom, wait_until

SMALL = ("--profile", "none", "--width", "256", "--height", "320")


def test_submit_waits_until_the_images_are_made(instance: Instance) -> None:
    done = instance.run("submit", "wind over a wheat field", "--count", "2", "--wait", "--json", *SMALL)
    assert done.returncode == 0, done.stderr
    batch = json.loads(done.stdout)
    assert batch["state"] == "completed"
    assert batch["progress"]["ready"] == 2


def test_submit_with_one_key_twice_gives_one_batch(instance: Instance) -> None:
    words = ("submit", "a lighthouse", "--json", "--idempotency-key", "lighthouse-1", *SMALL)
    first, second = (json.loads(instance.run(*words).stdout) for _ in range(2))
    assert first["id"] == second["id"]


def test_submit_names_the_field_and_the_limit_that_a_request_breaks(instance: Instance) -> None:
    refused = instance.run("submit", "a fox", "--steps", "151")
    assert refused.returncode == 1
    assert "steps" in refused.stderr
    assert "150" in refused.stderr


def test_commands_reach_an_instance_by_url_and_token(instance: Instance) -> None:
    environment = {"PRESSROOM_URL": instance.facts.url, "PRESSROOM_API_TOKEN": "not-the-right-token"}
    refused = pressroom("submit", "a fox", environment=environment)
    assert refused.returncode == 1
    assert "PRESSROOM_API_TOKEN" in refused.stderr
    environment["PRESSROOM_API_TOKEN"] = instance.facts.token
    assert pressroom("submit", "a fox", *SMALL, environment=environment).returncode == 0


def test_tail_replays_one_batch_and_one_type(instance: Instance) -> None:
    batch = json.loads(instance.run("submit", "tulips in a vase", "--wait", "--json", *SMALL).stdout)
    story = instance.run("tail", "--batch", batch["id"], "--since", "1h", "--no-follow", "--json")
    events = [json.loads(line) for line in story.stdout.splitlines()]
    assert [event["type"] for event in events] == [
        "pressroom.batch.requested.v1",
        "pressroom.batch.accepted.v1",
        "pressroom.image.generated.v1",
        "pressroom.batch.completed.v1",
    ]
    assert all(event["data"]["batch_id"] == batch["id"] for event in events)
    one = instance.run("tail", "--batch", batch["id"], "--type", "ImageGenerated", "--no-follow")
    assert "ImageGenerated" in one.stdout
    assert len(one.stdout.splitlines()) == 1


def test_what_could_not_be_read_is_listed_and_sent_again(instance: Instance) -> None:
    subject = "pressroom.event.batch.requested.unreadable-1"
    asyncio.run(_publish(instance.facts.nats_url, subject, b"this is no JSON"))

    def letters() -> list[dict[str, object]]:
        listed = instance.run("dead", "list", "--json")
        return [json.loads(line) for line in listed.stdout.splitlines() if subject in line]

    wait_until(lambda: len(letters()) > 0)
    letter = letters()[0]
    assert letter["subject"] == subject
    assert letter["body"] == "this is no JSON"
    sent = instance.run("dead", "replay", str(letter["sequence"]))
    assert sent.returncode == 0, sent.stderr
    wait_until(lambda: letter["sequence"] not in [one["sequence"] for one in letters()])


def test_the_audit_of_a_quiet_instance_finds_no_drift(instance: Instance) -> None:
    instance.run("submit", "a geometric quilt", "--wait", *SMALL)
    audited = instance.run("audit", "--json")
    report = json.loads(audited.stdout)
    assert report["batches"] >= 1


async def _publish(url: str, subject: str, body: bytes) -> None:
    client = await nats.connect(url)
    await client.jetstream().publish(subject, body, stream="EVENTS")
    await client.close()


def test_a_batch_is_asked_for_with_a_category_and_a_cap_in_money(instance: Instance) -> None:
    done = instance.run("submit", "a pear", "--category", "product", "--max-cost", "0.50", "--json", *SMALL)
    request = json.loads(done.stdout)["request"]
    assert (request["category"], request["max_cost"]) == ("product", "0.5")
    refused = instance.run("submit", "a pear", "--max-cost", "0", *SMALL)
    assert (refused.returncode, "max_cost" in refused.stderr) == (1, True)
