"""Who calls: a key in one of three headers, known by its HMAC. Memory only; the view has asked the directory before."""

from typing import Final

from rest_framework.authentication import BaseAuthentication

from apipark.crypto import Peppers
from apipark.problems import refuse
from proxy.consumers import Consumer
from proxy.inbound import InboundCall
from proxy.request import GatewayRequest
from teams import keys

_ACCEPTED: Final = ("Authorization: Bearer", "x-api-key", "x-goog-api-key")


def digests(call: InboundCall, peppers: Peppers) -> list[bytes]:
    """Of the presented key, under every pepper, the newest first. Raises 400 or 401."""
    presented = _presented(call)
    if not presented:
        raise refuse("credentials-missing", accepted=list(_ACCEPTED))
    if len(set(presented.values())) > 1:
        raise refuse("credentials-conflict", sources=sorted(presented))
    return peppers.digests(next(iter(presented.values())))


def check(call: InboundCall) -> None:
    """Before a look-up: a key whose checksum is wrong cannot exist."""
    if not keys.parse(next(iter(_presented(call).values())).decode("latin-1")):
        raise refuse("credentials-invalid")


def _presented(call: InboundCall) -> dict[str, bytes]:
    headers = call.headers
    found = {}
    authorization = headers.get(b"authorization")
    if authorization is not None:
        scheme, _, secret = authorization.partition(b" ")
        # Another scheme is a credential too, one that nobody here knows.
        found["authorization"] = secret.strip() if scheme.lower() == b"bearer" else authorization
    for name in (b"x-api-key", b"x-goog-api-key"):
        if name in headers:
            found[name.decode()] = headers[name].strip()
    return found


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: GatewayRequest) -> tuple[Consumer, str]:  # type: ignore[override]  # ours carries the call
        consumer, now_us = request.consumer, request.call.time_us
        if consumer is None:
            raise refuse("credentials-invalid")
        if consumer.revoked_us is not None and consumer.revoked_us <= now_us:
            raise refuse("credentials-revoked", revoked_at=consumer.revoked_us)
        if consumer.expires_us is not None and consumer.expires_us <= now_us:
            raise refuse("credentials-expired", expired_at=consumer.expires_us)
        return consumer, consumer.key_ref

    def authenticate_header(self, request: GatewayRequest) -> str:  # type: ignore[override]  # as above
        return 'Bearer realm="apipark"' if request.consumer else 'Bearer realm="apipark", error="invalid_token"'
