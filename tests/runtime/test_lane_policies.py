"""What holds for a lane when the settings, its vendor, its own policy and a batch all have a word in it."""

import json

import pytest
from pydantic import ValidationError

from pressroom.contracts.vocabulary import ProviderName
from pressroom.runtime.errors import ApiFailed, AuthFailed, InvalidRequest, Moderated, RateLimited
from pressroom.runtime.lane_policies import VENDOR_LIMITS, LanePolicy, LaneRules, rules_of
from pressroom.runtime.policies import GiveUp, PauseLane, Retry, RetryPolicy, backoff_s, decide
from pressroom.runtime.settings import Settings
from pressroom.state.documents import Pacing

GENERAL = LanePolicy(max_attempts=3, backoff_initial_s=1, backoff_max_s=10, rate_limit_pause_s=60, timeout_s=120)


def rules(lane: LanePolicy | None = None, vendor: LanePolicy | None = None) -> LaneRules:
    return rules_of(lane, vendor, GENERAL)


def test_without_another_word_the_general_settings_hold_and_nothing_is_limited() -> None:
    found = rules()
    assert found.retry == RetryPolicy(3, 1, 10, 60)
    assert (found.timeout_s, found.requests_per_minute, found.in_flight, found.at_once) == (120, None, None, None)
    assert (found.delay_s, found.delay_after_error_s, found.interval_s, found.has_gate) == (0, 0, 0, False)


def test_a_lanes_own_word_goes_before_its_vendors_and_that_before_all_lanes() -> None:
    vendor = LanePolicy(in_flight=24, requests_per_minute=60, timeout_s=300)
    found = rules(LanePolicy(in_flight=8, max_attempts=5), vendor)
    assert (found.in_flight, found.requests_per_minute, found.timeout_s) == (8, 60, 300)
    assert (found.retry.max_attempts, found.retry.backoff_max_s) == (5, 10)


def test_a_delay_of_nothing_is_a_word_too() -> None:
    assert rules(LanePolicy(delay_s=0), LanePolicy(delay_s=5)).delay_s == 0


@pytest.mark.parametrize(
    "limit", [{"requests_per_minute": 60}, {"in_flight": 1}, {"delay_s": 0.5}, {"delay_after_error_s": 0.5}]
)
def test_every_limit_that_others_must_keep_too_has_a_gate(limit: dict[str, float]) -> None:
    assert rules(LanePolicy.model_validate(limit)).has_gate
    assert not rules(LanePolicy(at_once=4)).has_gate


def test_requests_a_minute_become_seconds_between_two() -> None:
    assert rules(LanePolicy(requests_per_minute=240)).interval_s == 0.25


def test_a_batch_decides_its_attempts_and_time() -> None:
    found = rules().for_image(Pacing(max_attempts=7, timeout_s=5))
    assert (found.retry.max_attempts, found.timeout_s) == (7, 5)
    assert rules().for_image(Pacing()) == rules()


def test_a_batch_never_loosens_a_lanes_limits() -> None:
    tight = rules(LanePolicy(in_flight=1, requests_per_minute=6, delay_s=3, delay_after_error_s=9, at_once=1))
    found = tight.for_image(Pacing(max_attempts=9, timeout_s=9, delay_s=0.1, delay_after_error_s=0.1))
    kept = {"in_flight", "requests_per_minute", "delay_s", "delay_after_error_s", "at_once"}
    assert found.model_dump(include=kept) == tight.model_dump(include=kept)
    assert found.retry.backoff_initial_s == tight.retry.backoff_initial_s


def test_a_batchs_pause_after_errors_is_also_the_least_wait_for_the_next_try() -> None:
    retry = rules().for_image(Pacing(delay_after_error_s=30)).retry
    assert [backoff_s(failures, retry) for failures in (1, 2, 3)] == [30, 30, 30]


def test_vendors_limits_hold_until_a_deployment_says_otherwise() -> None:
    assert VENDOR_LIMITS[ProviderName.FLUX].in_flight == Settings().rules_of_lane(ProviderName.FLUX).in_flight == 24
    own = Settings(lane_policies={ProviderName.FLUX: LanePolicy(in_flight=2)})
    assert own.rules_of_lane(ProviderName.FLUX).in_flight == 2
    assert own.rules_of_lane(ProviderName.GEMINI).requests_per_minute == 60


def test_a_lanes_policy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSROOM_LANE_POLICIES", json.dumps({"openai": {"timeout_s": 300, "at_once": 3}}))
    found = Settings().rules_of_lane(ProviderName.OPENAI)
    assert (found.timeout_s, found.at_once, found.retry.max_attempts) == (300, 3, Settings().max_attempts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"openai": {"in_flight": 0}},
        {"openai": {"in_fligth": 3}},
        {"openai": {"timeout_s": 0}},
        {"openai": {"delay_s": float("inf")}},
        {"openai": {"requests_per_minute": -1}},
        {"dalle": {"in_flight": 3}},
    ],
)
def test_a_policy_that_makes_no_sense_ends_the_start(wrong: dict[str, dict[str, float]]) -> None:
    with pytest.raises(ValidationError):
        Settings(lane_policies=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [InvalidRequest("x"), AuthFailed("x"), Moderated("x")])
def test_what_no_try_mends_is_given_up_at_once_whatever_the_batch_says(error: Exception) -> None:
    patient = rules().for_image(Pacing(max_attempts=100)).retry
    assert decide(error, 0, patient) == GiveUp()


def test_the_last_of_the_attempts_is_the_last() -> None:
    retry = rules().for_image(Pacing(max_attempts=2)).retry
    assert decide(ApiFailed("x"), 0, retry) == Retry(1)
    assert decide(ApiFailed("x"), 1, retry) == GiveUp()


def test_a_rate_limit_pauses_for_as_long_as_the_vendor_asks_however_often_it_came() -> None:
    retry = rules().retry
    assert decide(RateLimited("429", 7), 99, retry) == PauseLane(7)
    assert decide(RateLimited("429"), 99, retry) == PauseLane(60)
    assert decide(RateLimited("429", 0), 99, retry) == PauseLane(1)
