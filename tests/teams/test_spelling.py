"""It is "e-mail" everywhere, in the words of the libraries too."""

import re
from pathlib import Path

import pytest
from django.conf import settings as installed
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext
from pytest_django import Settings

from tests.teams.factories import MembershipFactory

_CATALOGUE = Path(installed.BASE_DIR) / "locale/en/LC_MESSAGES/django.po"
# A word that people read: not a path, a name or an attribute.
_OTHER = re.compile(r"(?<![\w./@-])[Ee]mails?\b(?![\w./@=-])")


def read(html: str) -> str:
    """What is seen, placeholders included."""
    placeholders = " ".join(re.findall(r'placeholder="([^"]*)"', html))
    return re.sub(r"<script.*?</script>|<[^>]*>", " ", html, flags=re.DOTALL) + placeholders


def test_compiled_catalogue_says_what_its_source_says() -> None:
    entries = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', _CATALOGUE.read_text(), re.MULTILINE)

    assert len(entries) > 15
    assert [msgid for msgid, msgstr in entries if gettext(msgid) != msgstr] == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_login", "account_reset_password", "account_signup", "account_email"])
@pytest.mark.parametrize("sent", [{}, {"email": "nobody", "login": "nobody", "action_add": ""}])
def test_pages_of_accounts(client: Client, settings: Settings, name: str, sent: dict[str, str]) -> None:
    settings.PORTAL_SIGNUP_OPEN = True
    if name == "account_email":
        client.force_login(MembershipFactory.create().user)
    url = reverse(name)

    page = read((client.post(url, sent) if sent else client.get(url)).content.decode())

    assert "mail" in page
    assert _OTHER.findall(page) == []


@pytest.mark.django_db
def test_mail_to_confirm_an_address(client: Client) -> None:
    client.force_login(MembershipFactory.create().user)

    client.post(reverse("account_email"), {"email": "second@example.org", "action_add": ""})

    assert mail.outbox[0].subject == "APIPark: Please confirm your e-mail address"
