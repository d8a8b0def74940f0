"""Which language somebody reads."""

from __future__ import annotations

import pytest

from policy_schema.notices.language import Reader, choose, full_tag, posix_tag, session_reader

CHOICES = [
    (["en"], ["en", "zh-Hans"], "en"),
    (["en-GB"], ["en", "zh-Hans"], "en"),
    (["zh"], ["en", "zh-Hans"], "zh-Hans"),
    (["zh-CN"], ["en", "zh-Hans"], "zh-Hans"),
    (["zh-SG"], ["en", "zh-Hans"], "zh-Hans"),
    (["zh-TW"], ["en", "zh-Hans", "zh-Hant"], "zh-Hant"),
    (["zh-HK"], ["en", "zh-Hant-TW"], "zh-Hant-TW"),
    (["zh-TW"], ["en", "zh-Hans"], "zh-Hans"),
    (["zh-Hans-CN"], ["en", "zh"], "zh"),
    (["zh-CN"], ["en", "zh-Hant"], "en"),
    (["pt"], ["en", "pt-BR"], "pt-BR"),
    (["pt-PT"], ["en", "pt-BR"], "pt-BR"),
    (["fr", "de"], ["en", "de"], "de"),
    (["fr"], ["de", "en"], "en"),
    (["fr"], ["de"], "de"),
    ([], ["de", "en"], "en"),
    (["nonsense!!"], ["en"], "en"),
]


@pytest.mark.parametrize(("wanted", "available", "chosen"), CHOICES, ids=[f"{w} of {a}" for w, a, _ in CHOICES])
def test_the_best_language_is_chosen(wanted: list[str], available: list[str], chosen: str) -> None:
    assert choose(wanted, available, "en") == chosen


@pytest.mark.parametrize(
    ("locale", "tag"),
    [
        ("zh_CN.UTF-8", "zh-CN"),
        ("de_DE@euro", "de-DE"),
        ("en", "en"),
        ("C", None),
        ("C.UTF-8", None),
        ("POSIX", None),
        ("", None),
        ("../../etc", None),
        ("x" * 100, None),
    ],
)
def test_posix_locales(locale: str, tag: str | None) -> None:
    assert posix_tag(locale) == tag


@pytest.mark.parametrize(
    ("environment", "reader"),
    [
        ({"LANG": "zh_CN.UTF-8"}, Reader(("zh-CN",))),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "de_DE.UTF-8"}, Reader(("de-DE",))),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "fr_FR"}, Reader(("fr-FR",))),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_TW:zh"}, Reader(("zh-TW", "zh", "en-US"))),
        ({"LANG": "C.UTF-8", "LANGUAGE": "de"}, Reader()),
        ({}, Reader()),
        ({"TERM": "linux", "LANG": "zh_CN.UTF-8"}, Reader(("en",), ascii_only=True)),
    ],
)
def test_the_reader_of_a_session(environment: dict[str, str], reader: Reader) -> None:
    assert session_reader(environment) == reader


@pytest.mark.parametrize(
    ("tag", "full"),
    [("zh", "zh-Hans"), ("zh_tw", "zh-Hant-TW"), ("ZH-hant", "zh-Hant"), ("en-gb", "en-GB"), ("DE", "de")],
)
def test_tags_in_full(tag: str, full: str) -> None:
    assert full_tag(tag) == full
