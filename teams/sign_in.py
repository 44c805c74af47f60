"""How allauth behaves here: who may make an account, addresses in lower case, our words for what went wrong."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("E-mail and password do not match"),
        "too_many_login_attempts": _("Too many tries. This address waits for a few minutes"),
        "account_inactive": _("This account is switched off"),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        return bool(settings.PORTAL_SIGNUP_OPEN)

    def clean_email(self, email: str) -> str:
        return str(super().clean_email(email)).lower()

    def format_email_subject(self, subject: str) -> str:
        # allauth would put the host's name before it; the sender says that already.
        return f"APIPark: {subject}"
