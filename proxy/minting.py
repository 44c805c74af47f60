"""Credentials that are made for each request or hour: signatures of AWS, tokens of Google."""

from apipark.problems import refuse
from proxy.forwarding import Pairs
from proxy.sending import Sending


async def headers(sending: Sending) -> Pairs:  # noqa: ARG001 (no vendor of this kind is connected yet)
    raise refuse("upstream-credentials")
