"""What a known caller may not do whatever it pays. Memory only."""

from ipaddress import ip_address

from rest_framework.permissions import BasePermission
from rest_framework.views import APIView

from apipark.problems import refuse
from proxy.request import GatewayRequest
from proxy.shortages import rfc3339


class AddressAllowed(BasePermission):
    """The key may be used from this network."""

    def has_permission(self, request: GatewayRequest, view: APIView) -> bool:  # type: ignore[override]  # noqa: ARG002
        consumer = request.consumer
        if consumer is None or not consumer.networks:
            return True
        address = request.call.client_address
        if address and any(ip_address(address) in network for network in consumer.networks):
            return True
        raise refuse("ip-not-allowed", address=address)


class NotSuspended(BasePermission):
    def has_permission(self, request: GatewayRequest, view: APIView) -> bool:  # type: ignore[override]  # noqa: ARG002
        consumer = request.consumer
        if consumer is None:
            return True
        if consumer.team_suspended_at:
            raise refuse("account-suspended", since=rfc3339(consumer.team_suspended_at))
        if consumer.application_suspended_at:
            raise refuse("application-suspended", since=rfc3339(consumer.application_suspended_at))
        return True
