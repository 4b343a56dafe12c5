"""Settings that every service shares, from `PRESSROOM_…` variables. A wrong one ends the start with its name.

A service adds its own by subclassing `Settings` beside its code. Secrets are `SecretStr`, so no log or repr has them.
"""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, StringConstraints, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from pressroom.contracts.costs import Cost
from pressroom.contracts.finishing import BUILT_IN_PROFILES, NO_PROFILE, Profile, ProfileName
from pressroom.contracts.requests import EmailAddress
from pressroom.contracts.vocabulary import Category, ProviderName

from .credit_prices import CreditPrice
from .lane_policies import VENDOR_LIMITS, LanePolicy, LaneRules, rules_of
from .notice_settings import MailServer, signing_keys
from .policies import RetryPolicy
from .prices import PriceTable

PREFIX = "PRESSROOM_"


def default_data_dir() -> Path:
    """The folder of the XDG base directory specification."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "pressroom"


class Settings(BaseSettings):
    """What each service needs: where the servers are, where files go, how it tells what it does."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True)

    nats_url: str = Field(default="nats://127.0.0.1:4222", description="Where nats-server listens.")
    nats_token: SecretStr | None = Field(default=None, description="Token that nats-server asks for, if it does.")
    mongo_url: str = Field(
        default="mongodb://127.0.0.1:27017/?replicaSet=pressroom&directConnection=true",
        description="Where MongoDB listens; a replica set, of one member at least.",
    )
    mongo_database: str = Field(
        default="pressroom", pattern=r"^[A-Za-z0-9_-]{1,63}$", description="The database's name there."
    )
    stream_replicas: Annotated[int, Field(ge=1, le=5)] = Field(
        default=1, description="Copies of each JetStream stream; 3 on a cluster."
    )
    blob_url: str = Field(
        default_factory=lambda: (default_data_dir() / "blobs").as_uri(),
        description="Where files are kept: file:///folder, s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.",
    )
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] | None = Field(
        default=None,
        description="Where vendors reach the gateway to tell of a job's end; none: they are only asked.",
    )
    webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None,
        validate_default=True,
        description="Signs the addresses that vendors are given; needed with `PRESSROOM_PUBLIC_URL`, and set alike for "
        "every service.",
    )
    host: str = Field(default="127.0.0.1", description="The address that this service's HTTP port binds to.")
    head_timeout_s: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=20.0, description="How long a request's head may take to come; what is slower is not read on (408)."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: readable on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is not worth this much is not logged."
    )
    otlp_endpoint: str | None = Field(
        default=None, description="OTLP/HTTP collector for traces, e.g. http://127.0.0.1:4318; none: no traces."
    )
    max_images_per_batch: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=25, description="A larger batch is refused. Set it alike for every service."
    )
    provider_job_max_images: Annotated[int, Field(ge=1, le=50_000)] = Field(
        default=500,
        description="Images of one provider job at most; a larger batch becomes several jobs. "
        "Set it alike for every service.",
    )
    lease_s: Annotated[float, Field(ge=1, le=300)] = Field(
        default=3.0,
        description="How long a taker's claim lives without a heartbeat: a dead worker's job waits this long.",
    )
    outbox_age_s: Annotated[float, Field(ge=0.5, le=600)] = Field(
        default=5.0, description="How old an unpublished event is before any service publishes it."
    )
    sweep_interval_s: Annotated[float, Field(ge=0.2, le=600)] = Field(
        default=2.0, description="How often left-over work is looked for: outboxes, windows, paused lanes."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=3, description="How often the work on a job may fail before it is given up."
    )
    max_crashes: Annotated[int, Field(ge=1, le=100)] = Field(
        default=5, description="How often a job may take its process down with it before it is given up as poisonous."
    )
    backoff_initial_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=1.0, description="How long work that failed waits for its second try; doubled for each one after."
    )
    backoff_max_s: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=10.0, description="How long it waits at most."
    )
    rate_limit_pause_s: Annotated[float, Field(ge=0.1, le=86400)] = Field(
        default=60.0, description="How long a lane waits after a 429 that does not say how long."
    )
    generation_timeout_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=120.0, description="How long a provider may take for one image."
    )
    lane_policies: dict[ProviderName, LanePolicy] = Field(
        default_factory=dict[ProviderName, LanePolicy],
        description='One lane\'s own attempts, waits and limits, e.g. {"flux": {"in_flight": 8, "timeout_s": 300}}.',
    )
    profiles: dict[ProfileName, Profile] = Field(
        default_factory=dict[ProfileName, Profile],
        description='Print files of your own, e.g. {"sticker": {"width_px": 1800, "height_px": 1800, "fit": "pad"}}.',
    )
    quality_words: str = Field(
        default="", max_length=500, description="Added at the end of every prompt whose batch names no quality words."
    )
    price_table: Path | None = Field(
        default=None, description="A TOML file of prices that replaces single prices of the built-in table."
    )
    credit_prices: dict[Category, CreditPrice] = Field(
        default_factory=dict[Category, CreditPrice],
        description="What one image costs its owner in credits, in place of the usual price of its category, e.g. "
        '{"product": {"realtime": "5", "batch": "2.5"}}. Set it alike for every service.',
    )
    max_cost_per_month: Cost | None = Field(
        default=None,
        description="US dollars that providers may take in a calendar month (UTC), for everybody together; what is "
        "beyond is not made. Set it alike for every service.",
    )
    trusted_private_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts on private addresses where a provider's answer may say that its picture is: your own S3.",
    )

    off_peak_hours: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")] = (
        Field(default="01:00-06:00", description="When batches begin that are asked for off-peak, e.g. 22:00-06:00.")
    )
    off_peak_timezone: str = Field(default="UTC", description="Whose hours those are, e.g. Europe/Berlin.")
    notice_secret: SecretStr | None = Field(
        default=None,
        description="Signs notices by webhook: `whsec_` and 24 to 64 bytes as base64; several, parted by spaces, while "
        "receivers change from one to the next. Set it alike for every service.",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server for notices by mail: smtp://user:password@host:587 or smtps://host:465, with "
        "?starttls=always, if-offered or never. Set it alike for every service.",
    )
    mail_from: EmailAddress | None = Field(
        default=None, description="The sender of notices by mail. Set it alike for every service."
    )

    signing_certificate: Path | None = Field(
        default=None,
        description="PEM file of the certificates that print files are signed with (C2PA), the signer's own first.",
    )
    signing_key: Path | None = Field(default=None, description="PEM file of that certificate's private key.")
    signing_algorithm: Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"] = Field(
        default="es256", description="As the key is."
    )
    signing_timestamp_url: str | None = Field(
        default=None, description="A timestamp authority (RFC 3161), asked with each signature."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment alone: each source looks for every setting, whether it has any or not."""
        return init_settings, env_settings

    @field_validator("webhook_secret")
    @classmethod
    def _signs_the_public_url(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is None and info.data.get("public_url") is not None:
            raise ValueError("must be set when PRESSROOM_PUBLIC_URL is, to 16 characters or more that nobody guesses")
        return secret

    @field_validator("notice_secret")
    @classmethod
    def _signs_notices(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            signing_keys(secret.get_secret_value())
        return secret

    @field_validator("smtp_url")
    @classmethod
    def _names_a_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            MailServer.of(url.get_secret_value())
        return url

    @field_validator("profiles")
    @classmethod
    def _keeps_none(cls, profiles: dict[ProfileName, Profile]) -> dict[ProfileName, Profile]:
        if NO_PROFILE in profiles:
            raise ValueError(f"'{NO_PROFILE}' means that no profile is wanted, and cannot be one")
        return profiles

    @field_validator("off_peak_timezone")
    @classmethod
    def _is_a_place(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone '{name}' (IANA), e.g. Europe/Berlin") from error
        return name

    @field_validator("price_table")
    @classmethod
    def _can_be_read(cls, path: Path | None) -> Path | None:
        PriceTable.load(path)
        return path

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(
            max_attempts=self.max_attempts,
            backoff_initial_s=self.backoff_initial_s,
            backoff_max_s=self.backoff_max_s,
            rate_limit_pause_s=self.rate_limit_pause_s,
        )

    def rules_of_lane(self, provider: ProviderName) -> LaneRules:
        """What holds for a provider's lane."""
        general = LanePolicy(
            max_attempts=self.max_attempts,
            backoff_initial_s=self.backoff_initial_s,
            backoff_max_s=self.backoff_max_s,
            rate_limit_pause_s=self.rate_limit_pause_s,
            timeout_s=self.generation_timeout_s,
        )
        return rules_of(self.lane_policies.get(provider), VENDOR_LIMITS.get(provider), general)

    def all_profiles(self) -> dict[str, Profile]:
        """The built-in profiles and the deployment's own, which win."""
        return {**BUILT_IN_PROFILES, **self.profiles}


class WrongSetting(ValueError):
    """A setting that can be read and does not do; the message begins with its name."""


SettingsType = TypeVar("SettingsType", bound=Settings)


def load(settings: type[SettingsType]) -> SettingsType:
    """Read the environment, or end the process with a line per wrong variable."""
    try:
        return settings()
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        print(f"{PREFIX}{named[1].upper() if named else ''}: no JSON, as lists and objects are given", file=sys.stderr)
        raise SystemExit(2) from None
    except ValidationError as error:
        for problem in error.errors():
            name = PREFIX + "__".join(str(part) for part in problem["loc"]).upper()
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        raise SystemExit(2) from None
