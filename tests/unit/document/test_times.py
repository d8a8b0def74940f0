"""Times of the organisation, and tags of languages."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from policy_schema.document.characters import hidden_character
from policy_schema.document.languages import canonical_tag
from policy_schema.document.times import parse_date, parse_local_time, parse_zone
from policy_schema.rules.instant import format_instant


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-07-10 09:00", "Asia/Shanghai", "2026-07-10T01:00:00Z"),
        ("2026-07-10 09:00", "Europe/Berlin", "2026-07-10T07:00:00Z"),
        ("2026-01-10 09:00", "Europe/Berlin", "2026-01-10T08:00:00Z"),
        ("2026-03-29 01:59", "Europe/Berlin", "2026-03-29T00:59:00Z"),
        ("2026-03-29 03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-10-25 03:00", "Europe/Berlin", "2026-10-25T02:00:00Z"),
        ("2026-07-10 00:00", "Asia/Kathmandu", "2026-07-09T18:15:00Z"),
    ],
)
def test_a_local_time_has_one_instant(text: str, zone: str, utc: str) -> None:
    assert format_instant(parse_local_time(text).at(ZoneInfo(zone))) == utc


@pytest.mark.parametrize(
    ("text", "zone", "says"),
    [
        ("2026-03-29 02:00", "Europe/Berlin", "does not exist"),
        ("2026-03-29 02:59", "Europe/Berlin", "does not exist"),
        ("2026-10-25 02:00", "Europe/Berlin", "comes twice"),
        ("2026-10-25 02:59", "Europe/Berlin", "comes twice"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "comes twice"),
        ("2026-10-04 02:15", "Australia/Lord_Howe", "does not exist"),
    ],
)
def test_a_time_of_a_change_of_clocks_has_none(text: str, zone: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_local_time(text).at(ZoneInfo(zone))


@pytest.mark.parametrize(
    "text",
    [
        "2026-7-1 09:00",
        "2026-07-10T09:00",
        "2026-07-10 9:00",
        "2026-07-10",
        "2026-02-30 09:00",
        "2026-07-10 24:00",
        "2026-07-10 09:00:00",
        "1999-07-10 09:00",
        "9999-07-10 09:00",
        "",
        "٢٠٢٦-07-10 09:00",
    ],
)
def test_another_form_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_local_time(text)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-7-3", "03.07.2026", "2026-07-03 09:00", "", "1970-01-01"])
def test_another_form_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date(text)


@pytest.mark.parametrize("name", ["", "Europe", "Bonn", "../../etc/passwd", "/etc/passwd", "\0", "Europe/Berlin\n"])
def test_another_name_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        parse_zone(name)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("zh-hans", "zh-Hans"),
        ("zh-Hant-tw", "zh-Hant-TW"),
        ("pt-br", "pt-BR"),
        ("es-419", "es-419"),
        ("yue", "yue"),
        ("xx", None),
        ("english", None),
        ("and the host", None),
        ("", None),
        ("en_GB", None),
        ("e", None),
        ("en-", None),
    ],
)
def test_tags_of_languages(text: str, tag: str | None) -> None:
    assert canonical_tag(text) == tag


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("plain", False),
        ("two\nlines", False),
        ("信息", False),
        ("نمی\u200cدانم", False),
        ("a\tb", True),
        ("\x7f", True),
        ("\x85", True),
        ("\u202e", True),
        ("\u200b", True),
        ("\ufeff", True),
        ("\ud800", True),
        ("\u2028", True),
    ],
)
def test_hidden_characters(text: str, hidden: bool) -> None:
    assert (hidden_character(text) is not None) == hidden
