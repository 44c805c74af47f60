"""DRF's request, holding only what the gateway's policies read."""

from rest_framework.request import Request

from proxy.consumers import Consumer
from proxy.coverage import Verdict
from proxy.inbound import InboundCall


class GatewayRequest(Request):
    """Nothing of Django's request is made: no parsing, no negotiation, no user."""

    def __init__(self, call: InboundCall, consumer: Consumer | None) -> None:
        self.call = call
        self.consumer = consumer
        self.verdict: Verdict | None = None
        self.wait_s = 0

    @property
    def method(self) -> str:  # type: ignore[override]  # DRF reads it from Django's request
        return self.call.method
