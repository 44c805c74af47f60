"""Addresses that a form takes: the gateway must be willing to call them."""

from django.conf import settings
from django.core.exceptions import ValidationError

from apipark.addresses import AddressRefused, check_url, read_url


def checked_url(url: str) -> str:
    """Raises ValidationError for an address that the gateway would refuse to call."""
    try:
        check_url(url, allowed=settings.GATEWAY_ALLOWED_ADDRESSES)
    except AddressRefused as error:
        raise ValidationError(str(error)) from error
    return url


def host_of(url: str) -> str:
    try:
        return read_url(url).host
    except AddressRefused:
        return ""
