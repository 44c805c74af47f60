"""Calls a minute, by this worker's bucket. Before any reservation, so that floods never touch money."""

from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from apipark.problems import refuse
from proxy.rates import Buckets
from proxy.request import GatewayRequest


class PlanRate(BaseThrottle):
    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def allow_request(self, request: GatewayRequest, view: APIView) -> bool:  # type: ignore[override]  # noqa: ARG002
        terms = request.verdict.terms if request.verdict else None
        if terms is None or terms.requests_per_minute is None:
            return True
        wait_s = self._buckets.take(terms.subscription_id, terms.requests_per_minute, request.call.started_ns)
        if wait_s:
            raise refuse(
                "rate-limit-exceeded",
                retry_after=wait_s,
                violated_policies=["plan-rate"],
                limit=terms.requests_per_minute,
            )
        return True
