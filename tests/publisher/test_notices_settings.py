"""What the settings of notices may say, and what of them is refused; no server is asked."""

import base64
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from pressroom.contracts.requests import BatchRequest, NotifyTarget
from pressroom.contracts.vocabulary import NoticeKind
from pressroom.runtime.admission import fingerprint
from pressroom.runtime.notice_settings import MailServer, signing_keys
from pressroom.runtime.settings import Settings

KEY = b"k" * 24
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def test_several_secrets_are_several_keys() -> None:
    other = "whsec_" + base64.b64encode(b"l" * 64).decode()
    assert signing_keys(f"{SECRET} {other}") == (KEY, b"l" * 64)


@pytest.mark.parametrize(
    "secret", ["", "  ", "secret", SECRET.removeprefix("whsec_"), "whsec_c2hvcnQ=", "whsec_!!!", f"{SECRET} x"]
)
def test_a_secret_that_does_not_do_is_refused_at_the_start_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValidationError, match="whsec_") as refused:
        Settings(notice_secret=SecretStr(secret))
    assert refused.value.errors()[0]["loc"] == ("notice_secret",)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, False, "if-offered")),
        ("smtp://mail.example:25?starttls=never", MailServer("mail.example", 25, False, "never")),
        ("smtps://mail.example", MailServer("mail.example", 465, True, "if-offered")),
        ("smtp://ann:p%40ss@mail.example", MailServer("mail.example", 587, False, "always", "ann", "p@ss")),
    ],
)
def test_a_mail_server_is_read_from_its_url(url: str, server: MailServer) -> None:
    assert MailServer.of(url) == server
    assert "p@ss" not in repr(MailServer.of(url))


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://m:x", "smtp://m/inbox", "smtp://m?starttls=maybe"]
)
def test_a_mail_server_that_cannot_be_read_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(smtp_url=SecretStr(url))


@pytest.mark.parametrize(
    "target",
    [
        {"url": "https://shop.example/hooks?key=1"},
        {"url": "http://127.0.0.1:8000"},
        {"url": "http://[::1]:8000/"},
        {"url": "https://x/" + "y" * 1990},
        {"email": "ann.lee+pressroom@mail.example.co.uk"},
    ],
)
def test_a_target_is_an_address_on_the_web_or_a_mail_address(target: dict[str, Any]) -> None:
    read = NotifyTarget.model_validate(target)
    assert read.address == next(iter(target.values()))
    assert read.on == (NoticeKind.COMPLETED,)


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"url": "https://shop.example/", "email": "ann@example.com"},
        {"url": "ftp://shop.example/"},
        {"url": "https://ann:secret@shop.example/"},
        {"url": "https://shop.example/a b"},
        {"url": "https://shop.example/\n"},
        {"url": "https://x/" + "y" * 1991},
        {"email": "ann"},
        {"email": "ann@example.com\r\nBcc: eve@example.com"},
        {"email": "ann@example.com\n"},
        {"email": '"ann lee"@example.com'},
        {"email": "ann@example.com,eve@example.com"},
        {"email": f"{'a' * 250}@example.com"},
        {"email": "ann@example.com", "on": []},
        {"email": "ann@example.com", "on": ["started"]},
    ],
)
def test_what_is_no_target_is_refused(target: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NotifyTarget.model_validate(target)


def test_at_most_five_are_told_and_nobody_twice() -> None:
    body: dict[str, Any] = {"provider": "studio", "prompt": "a fox"}
    five = [{"email": f"ann{number}@example.com"} for number in range(5)]
    assert len(BatchRequest.model_validate({**body, "notify": five}).notify) == 5
    for wrong in ([*five, {"email": "eve@example.com"}], [five[0], {**five[0], "on": ["rejected"]}]):
        with pytest.raises(ValidationError, match="notify"):
            BatchRequest.model_validate({**body, "notify": wrong})


def test_a_request_that_tells_nobody_is_the_wish_that_it_was_before_anybody_could_be_told() -> None:
    plain = BatchRequest.model_validate({"provider": "studio", "prompt": "a quiet harbour"})
    silent = BatchRequest.model_validate({"provider": "studio", "prompt": "a quiet harbour", "notify": []})
    assert fingerprint(silent) == fingerprint(plain)
