"""One whole instance, as `./run up` starts it, for all examples: real servers and services, vendors by the sandbox."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pressroom.cli.data_folder import DataFolder
from pressroom.cli.own_instance import OwnInstance, without_settings
from pressroom.cli.programs import plan_house

from ..vendor_sandbox import RUNPOD_ENDPOINT, RUNPOD_KEY
from .old_clients import OldClients
from .situations import EMAIL, PASSWORD, Situation

SETTINGS = {
    # The older generator had RunPod alone; a picture that fails is not tried again, so that failures can be counted.
    "PRESSROOM_GENERATE_PROVIDERS": '["runpod"]',
    "PRESSROOM_MAX_ATTEMPTS": "1",
    # Small pictures and print files: the examples ask for some two hundred.
    "PRESSROOM_PROFILES": '{"t-shirt": {"width_px": 450, "height_px": 540}}',
    "PRESSROOM_SANDBOX_PICTURE_PX": "64",
    "PRESSROOM_SANDBOX_RUNPOD_SECONDS": "0.05",
    "PRESSROOM_SANDBOX_FLUX_SECONDS": "0.05",
    "PRESSROOM_SANDBOX_BATCH_SECONDS": "0.1",
}
CREDITS = "1000"


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Situation]:
    folder = tmp_path_factory.mktemp("old-systems")
    (folder / "data").mkdir()
    data = DataFolder(folder / "data")
    environment = {**without_settings(os.environ), **SETTINGS}
    environment |= _impatient(plan_house(data, environment, workers=1).sandbox_url)
    own = OwnInstance(data, environment=environment)
    facts = own.start()
    try:
        (folder / "instance").mkdir()
        (folder / "user").mkdir()
        admin = OldClients(facts.url, facts.token, folder / "instance")
        yield Situation(facts, admin, _who_pays(admin, folder / "user"))
    finally:
        own.stop()


def _impatient(sandbox_url: str | None) -> dict[str, str]:
    """RunPod's settings, all of them, so that its jobs are looked at more often than a second after they began."""
    return {
        "PRESSROOM_RUNPOD_URL": f"{sandbox_url}/runpod/v2",
        "PRESSROOM_RUNPOD_API_KEY": RUNPOD_KEY,
        "PRESSROOM_RUNPOD_ENDPOINT_ID": RUNPOD_ENDPOINT,
        "PRESSROOM_RUNPOD_POLL_S": "0.05",
        "PRESSROOM_TRUSTED_PRIVATE_HOSTS": '["127.0.0.1"]',
    }


def _who_pays(admin: OldClients, home: Path) -> OldClients:
    """The user that the pages log in, with credits."""
    added = admin.send("POST", "/v1/users", {"email": EMAIL, "password": PASSWORD, "role": "user"})
    added.raise_for_status()
    credit = {"amount": CREDITS, "note": "for the examples"}
    admin.send("POST", f"/v1/users/{added.json()['id']}/credits", credit).raise_for_status()
    login = httpx.post(f"{admin.url}/auth/login", json={"email": EMAIL, "password": PASSWORD}, trust_env=False)
    login.raise_for_status()
    return OldClients(admin.url, login.json()["token"], home)


@pytest.fixture
def situation(running: Situation) -> Iterator[Situation]:
    yield running
    running.over()
