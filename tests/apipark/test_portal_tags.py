from datetime import UTC, datetime

import pytest
import time_machine
from django import forms
from django.template import Context, Template
from django.utils import timezone, translation

from apipark.charts import Chart, Series, Table
from apipark.templatetags import portal

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def without_test_clock(settings: object) -> None:
    settings.BILLING_TEST_GATEWAY = False  # type: ignore[attr-defined]  # its offset is a row


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (0, "0"), (999, "999"), (1284310, "1,284,310"), (-1284310, "−1,284,310")]
)
def test_count(value: int | None, words: str) -> None:
    assert portal.count(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (9_999, "9,999"),
        (10_000, "10 K"),
        (96_449, "96.4 K"),
        (999_499, "999 K"),
        (999_500, "1 M"),
        (96_412_000, "96.4 M"),
        (2_000_000_000, "2 B"),
        (-96_412_000, "−96.4 M"),
    ],
)
def test_short(value: int | None, words: str) -> None:
    assert portal.short(value) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"), [(842_113, 1_000_000, "84 %"), (999, 1000, "99 %"), (1, 0, "–"), (None, 5, "–")]
)
def test_percent_is_full_only_when_all_is_used(part: int | None, whole: int, words: str) -> None:
    assert portal.percent(part, whole) == words


def test_rate_has_two_places() -> None:
    assert portal.rate(5_394, 1_284_310) == "0.42 %"
    assert portal.rate(1, 0) == "–"


@pytest.mark.parametrize(
    ("ms", "words"), [(None, "–"), (3_412, "3,412 ms"), (12_400, "12.4 s"), (125_000, "2 min 5 s")]
)
def test_duration(ms: int | None, words: str) -> None:
    assert portal.duration(ms) == words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(1, "1 byte"), (999, "999 bytes"), (14_200, "14.2 KB"), (100 * 10**9, "100 GB"), (5 * 10**15, "5,000 TB")],
)
def test_size_in_decimal_units(size_bytes: int, words: str) -> None:
    assert portal.size(size_bytes) == words


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (31_120, "USD", "$311.20"),
        (-3_142, "USD", "−$31.42"),
        (100_000, "JPY", "¥100,000"),
        (1_999, "CHF", "CHF\xa019.99"),
        (None, "USD", "–"),
    ],
)
def test_cash(minor: int | None, currency: str, words: str) -> None:
    assert portal.cash(minor, currency) == words


def test_money_of_usage() -> None:
    assert portal.spend(1_932_184_999_999, "USD") == "$1,932.18"
    assert portal.price(36_158_000, "USD") == "$0.036158"
    assert portal.price(2_500_000_000, "USD") == "$2.50"


def test_numbers_follow_the_language() -> None:
    with translation.override("de"):
        assert portal.count(1_284_310) == "1.284.310"
        assert portal.cash(31_120, "EUR").endswith("311,20")


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (None, "–"),
        (NOW, "just now"),
        (datetime(2026, 11, 21, 13, 58, tzinfo=UTC), "2 min ago"),
        (datetime(2026, 11, 21, 14, 5, tzinfo=UTC), "in 5 min"),
        (datetime(2026, 11, 21, 9, 12, tzinfo=UTC), "today, 10:12"),
        (datetime(2026, 11, 20, 22, 10, tzinfo=UTC), "yesterday, 23:10"),
        # Already tomorrow in the reader's zone.
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "tomorrow, 00:30"),
        (datetime(2026, 3, 12, 9, 0, tzinfo=UTC), "12 Mar"),
        (datetime(2027, 3, 12, 9, 0, tzinfo=UTC), "12 Mar 2027"),
    ],
)
def test_ago_in_the_zone_of_the_reader(moment: datetime | None, words: str) -> None:
    with time_machine.travel(NOW, tick=False), timezone.override("Europe/Berlin"):
        assert portal.ago(moment) == words


def test_stamp_and_day() -> None:
    with time_machine.travel(NOW, tick=False), timezone.override("Europe/Berlin"):
        assert portal.stamp(datetime(2026, 11, 21, 13, 42, 7, tzinfo=UTC)) == "21 Nov, 14:42:07"
        assert portal.stamp(datetime(2025, 11, 21, 13, 42, 7, tzinfo=UTC)) == "21 Nov 2025, 14:42:07"
        assert portal.day(datetime(2026, 10, 31, 23, 30, tzinfo=UTC)) == "1 Nov 2026"


def _render(text: str, **context: object) -> str:
    return Template(text).render(Context(context))


def test_chart_cannot_break_out_of_its_script() -> None:
    chart = Chart(
        unit="count",
        times=[1, 2],
        alt="x",
        series=[Series("</script><b>", "c1", "line", [1, None])],
        table=Table("t", ["Hour", "Calls"], [["00", "1"]]),
    )

    html = _render("{% chart chart %}", chart=chart)

    assert html.count("</script>") == 1
    assert '"values":[1,null]' in html
    assert '<th scope="row">00</th>' in html
    assert "<table" not in _render("{% chart chart apart=True %}", chart=chart)


def test_field_names_its_hint_and_error() -> None:
    class Form(forms.Form):
        name = forms.CharField(help_text="For people.")

    html = _render('{% include "_field.html" with field=form.name %}', form=Form({"name": ""}))

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'class="input"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html


def test_errors_link_to_their_fields() -> None:
    class Form(forms.Form):
        name = forms.CharField()

        def clean(self) -> None:
            self.add_error(None, "All is wrong.")

    html = _render('{% include "_errors.html" %}', form=Form({"name": ""}))

    assert '<a href="#id_name">Name: This field is required.</a>' in html
    assert "<li>All is wrong.</li>" in html
    assert 'role="alert" tabindex="-1" autofocus' in html
    assert _render('{% include "_errors.html" %}', form=Form()).strip() == ""


@pytest.mark.parametrize(
    ("name", "letters"), [("Acme Robotics", "AR"), ("ada@example.org", "A"), ("ada.berg@example.org", "AB")]
)
def test_initials(name: str, letters: str) -> None:
    assert portal.initials(name) == letters
