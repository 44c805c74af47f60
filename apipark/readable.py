"""Turns away requests that name something with a NUL byte: no text of PostgreSQL can hold one, so it is nobody's name.

Forms refuse NUL bytes themselves, and say in which field.
"""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponseBase


class NulMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Before anything looks for the session.
        if any("\0" in text for text in request.COOKIES.values()):
            raise BadRequest
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> None:
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path_info or "%00" in query or "\0" in query:
            raise Http404
