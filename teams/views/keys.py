"""Keys of an application. A new secret is shown in the answer to the POST: it is in no store to fetch it from later."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from apipark import clock, snippets
from teams import keys
from teams.forms import KeyForm, RevokeForm, RotateForm
from teams.models import ApiKey, Application
from teams.roles import Action, may, requires
from teams.signed_in import SignedInRequest, came_from


@requires(Action.APPLICATIONS, of=Application.objects.visible_to)
@never_cache
def create(request: SignedInRequest, application: Application) -> HttpResponse:
    form = KeyForm(request.POST or None, sees_money=may(request.membership, Action.SEE_MONEY))
    if request.method == "POST" and form.is_valid():
        try:
            issued = keys.issue(
                application,
                name=form.cleaned_data["name"],
                networks=form.cleaned_data["networks"],
                scopes=form.cleaned_data.get("scopes", ()),
                expires_at=form.expires_at,
                actor=request.user,
                address=came_from(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _shown_once(request, issued)
    return render(request, "teams/key_form.html", {"form": form, "application": application})


@requires(Action.APPLICATIONS, of=ApiKey.objects.visible_to)
@never_cache
def rotate(request: SignedInRequest, key: ApiKey) -> HttpResponse:
    form = RotateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            issued = keys.rotate(
                key,
                overlap=form.overlap_time,
                expires_at=form.expires_at,
                actor=request.user,
                address=came_from(request),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _shown_once(request, issued)
    return render(request, "teams/key_rotate.html", {"form": form, "key": key})


@requires(Action.APPLICATIONS, of=ApiKey.objects.visible_to)
def revoke(request: SignedInRequest, key: ApiKey) -> HttpResponse:
    form = RevokeForm(request.POST or None, key=key)
    if request.method == "POST" and form.is_valid():
        keys.revoke(key, actor=request.user, reason=form.cleaned_data["reason"], address=came_from(request))
        messages.success(request, _("Key %(name)s is revoked.") % {"name": key.name})
        return redirect("teams:application-detail", key.application.ref)
    context = {"form": form, "key": key, "state": key.state(clock.now())}
    return render(request, "teams/key_revoke.html", context)


def _shown_once(request: SignedInRequest, issued: keys.Issued) -> HttpResponse:
    context = {"issued": issued, "snippets": snippets.standing(issued.secret)}
    return render(request, "teams/key_issued.html", context)
