"""Whom to write to about a service: its publisher, with the id of the request attached."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apipark.ids import call_id
from providers.models import Service
from proxy import letters, subjects
from proxy.forms import ContactForm
from proxy.models import Call
from teams.models import User
from teams.signed_in import PersonRequest


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Addresses are public as the service is; writing by this page needs somebody who can be answered."""
    ids = subjects.ids_of({name: request.GET.get(name, "") for name in ("svc", "ref")})
    service = _service(request, ids.get("svc", ""))
    call = _call(request, ids.get("ref", ""))
    if service is None and call and call.service:
        service = Service.objects.visible_to(request.user).filter(pk=call.service).first()
    to = letters.recipient(service)
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        try:
            letters.write(
                to,
                text=form.cleaned_data["text"],
                request_id=ids.get("ref", ""),
                actor=request.user,
                team=cast("PersonRequest", request).team,
                service=service,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(
                request,
                _("Sent to %(name)s. The answer goes to %(email)s.") % {"name": to.name, "email": request.user.email},
            )
            return redirect(request.get_full_path())
    context = {"form": form, "to": to, "service": service, "call": call, "request_id": ids.get("ref", "")}
    return render(request, "proxy/contact.html", context)


def _service(request: HttpRequest, ref: str) -> Service | None:
    rows = Service.objects.visible_to(request.user).select_related("team")
    return get_object_or_404(rows, ref=ref) if ref else None


def _call(request: HttpRequest, text: str) -> Call | None:
    """Only attached: a request id that is not found may be of a moment ago, or of a key that nobody knew."""
    if not text:
        return None
    found = call_id(text)
    if found is None:
        raise Http404
    return Call.objects.visible_to(request.user).filter(pk=found).first()
