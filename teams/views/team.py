"""The team's people and its record of changes; the person's own account."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe

from teams import people, wording
from teams.forms import AccountForm
from teams.models import AuditEvent, Membership, Role, User
from teams.roles import ROLES, TABLE, Action, requires
from teams.signed_in import SignedInRequest, came_from

_EVENTS_A_PAGE = 50


@requires(Action.SEE)
@require_safe
def members(request: SignedInRequest) -> HttpResponse:
    table = [(words, [role in ROLES[action] for role in Role], action) for words, action in TABLE]
    people = Membership.objects.filter(team=request.team).select_related("user")
    return render(request, "teams/member_list.html", {"members": people, "roles": Role, "table": table})


@requires(Action.SEE_CHANGES)
@require_safe
def changes(request: SignedInRequest) -> HttpResponse:
    events = AuditEvent.objects.filter(team=request.team).select_related("team").order_by("-number")
    if before := request.GET.get("before"):
        # Fits the column; SQLite would fail on a larger number.
        if not (before.isascii() and before.isdigit() and len(before) < 19):
            raise BadRequest(_("“before” is the number of a change."))
        events = events.filter(number__lt=int(before))
    rows = list(events[: _EVENTS_A_PAGE + 1])
    older = rows[_EVENTS_A_PAGE - 1].number if len(rows) > _EVENTS_A_PAGE else None
    told = [(event, wording.what(event), list(wording.differences(event))) for event in rows[:_EVENTS_A_PAGE]]
    context = {"events": told, "older": older, "paged": bool(before)}
    return render(request, "teams/audit_list.html", context)


@requires(Action.BROWSE)
def account(request: SignedInRequest) -> HttpResponse:
    form = AccountForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        # The form wrote into the request's user already; what changed is told by a fresh one.
        people.change(User.objects.get(pk=request.user.pk), **form.cleaned_data, address=came_from(request))
        with override(form.cleaned_data["language"]):
            messages.success(request, _("Your account is saved."))
        return redirect("teams:account")
    return render(request, "teams/account.html", {"form": form})
