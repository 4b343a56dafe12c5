"""Where messages travel, and that every name that can be given is one token of a subject."""

import re
import time
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pressroom.contracts import subjects
from pressroom.contracts.events import EVENT_TYPES, BatchEvent, Event
from pressroom.contracts.identifiers import DerivedIdentifier, Identifier, image_id, new_id, publication_id
from pressroom.contracts.jobs import GenerateImage, PublishImage
from pressroom.contracts.vocabulary import PlatformName, Priority, ProductType, ProviderName

from .test_golden_messages import golden

TOKEN = re.compile(r"[A-Za-z0-9_-]+")


def an_event(model: type[Event]) -> Event:
    return model.model_validate_json(golden(model.type_name()))


def is_matched(subject: str, pattern: str) -> bool:
    """As nats-server matches."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        return len(given) >= len(wanted) and all(w in ("*", g) for w, g in zip(wanted[:-1], given, strict=False))
    return len(wanted) == len(given) and all(w in ("*", g) for w, g in zip(wanted, given, strict=True))


@pytest.mark.parametrize("model", EVENT_TYPES)
def test_an_event_travels_under_its_entity_its_fact_and_its_story(model: type[Event]) -> None:
    event = an_event(model)
    subject = subjects.event_subject(event)
    assert subject == f"pressroom.event.{model.entity}.{model.fact}.{event.story}"
    assert all(TOKEN.fullmatch(token) for token in subject.split("."))


@pytest.mark.parametrize("model", EVENT_TYPES)
def test_filters_find_the_event_and_no_other_one(model: type[Event]) -> None:
    event = an_event(model)
    subject = subjects.event_subject(event)
    assert is_matched(subject, subjects.ALL_EVENTS)
    assert is_matched(subject, subjects.story_filter(event.story))
    assert not is_matched(subject, subjects.story_filter("another"))
    assert is_matched(subject, subjects.event_filter(model))
    found = [
        other
        for other in EVENT_TYPES
        if is_matched(subjects.event_subject(an_event(other)), subjects.event_filter(model))
    ]
    assert found == [model]


def test_the_whole_story_of_a_batch_is_one_filter() -> None:
    told = [an_event(model) for model in EVENT_TYPES if issubclass(model, BatchEvent)]
    story = subjects.story_filter(told[0].story)
    assert all(is_matched(subjects.event_subject(event), story) for event in told)


def test_type_names_are_unique_and_carry_a_version() -> None:
    names = [model.type_name() for model in EVENT_TYPES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"pressroom\.[a-z-]+\.[a-z-]+\.v\d+", name) for name in names)


@pytest.mark.parametrize("priority", Priority)
def test_a_job_is_found_by_the_consumer_of_its_lane_and_priority_alone(priority: Priority) -> None:
    job = GenerateImage(batch_id="b", image_id="b-0000", provider=ProviderName.STUDIO, priority=priority)
    subject = subjects.job_subject(job)
    assert subject == f"pressroom.job.image.studio.{priority}.b-0000"
    patterns = {(lane, p): subjects.job_filter(GenerateImage, lane, p) for lane in ProviderName for p in Priority}
    assert [key for key, pattern in patterns.items() if is_matched(subject, pattern)] == [("studio", priority)]


def test_consumers_of_different_lanes_have_different_names_that_a_server_takes() -> None:
    names = [subjects.job_consumer(GenerateImage, lane, p) for lane in ProviderName for p in Priority]
    names += [subjects.job_consumer(PublishImage, lane, p) for lane in PlatformName for p in Priority]
    assert len(set(names)) == len(names)
    assert all(TOKEN.fullmatch(name) for name in names)


def test_dead_letters_are_kept_by_stream_and_consumer() -> None:
    assert subjects.dead_subject("JOBS", "image-studio-normal") == "pressroom.dead.JOBS.image-studio-normal"
    assert is_matched(subjects.dead_subject("EVENTS", "x"), subjects.ALL_DEAD)


def test_ids_made_here_are_tokens_that_never_repeat() -> None:
    made = [new_id("batch") for _ in range(5000)]
    assert len(set(made)) == len(made)
    assert all(TypeAdapter(Identifier).validate_python(identity) for identity in made)


def test_ids_sort_by_the_time_of_their_making(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0, 1, 999, 1_700_000_000_000, 1_800_000_000_000, 4_000_000_000_000, 32_503_680_000_000]
    made: list[str] = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        made.append(new_id("evt"))
    assert sorted(made) == made


def test_names_made_of_the_longest_names_are_still_names() -> None:
    image = image_id("x" * 64, 9_999)
    for platform in PlatformName:
        for product in ProductType:
            TypeAdapter(DerivedIdentifier).validate_python(publication_id(image, platform, product))


def test_ids_of_different_things_are_different() -> None:
    images = {image_id("b", index) for index in range(10_000)}
    assert len(images) == 10_000
    assert sorted(images) == [image_id("b", index) for index in range(10_000)]
    products = {publication_id("b-0000", p, t) for p in PlatformName for t in ProductType}
    assert len(products) == len(PlatformName) * len(ProductType)


@pytest.mark.parametrize(
    "given", ["", ".", "a.b", "a*", ">", "a b", "a\tb", "a/b", "a\\b", "a\u0000", "é", "a\n", 7, None]
)
@pytest.mark.parametrize("kind", [Identifier, DerivedIdentifier])
def test_what_would_break_a_subject_is_no_identifier(kind: Any, given: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(given)
