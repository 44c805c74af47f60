from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apipark import clock
from teams import applications
from teams.forms import ApplicationForm
from teams.models import Application
from teams.roles import Action, may, requires
from teams.signed_in import SignedInRequest, came_from


@requires(Action.SEE)
@require_safe
def index(request: SignedInRequest) -> HttpResponse:
    rows = Application.objects.filter(team=request.team).with_keys(clock.now()).select_related("created_by")
    may_create = may(request.membership, Action.APPLICATIONS)
    return render(request, "teams/application_list.html", {"applications": rows, "may_create": may_create})


@requires(Action.APPLICATIONS)
def create(request: SignedInRequest) -> HttpResponse:
    form = ApplicationForm(request.POST or None, instance=Application(team=request.team))
    if request.method == "POST" and form.is_valid():
        try:
            made = applications.create(
                request.team, **form.cleaned_data, actor=request.user, address=came_from(request)
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("teams:application-detail", made.ref)
    return render(request, "teams/application_form.html", {"form": form})


@requires(Action.SEE, of=Application.objects.visible_to)
@require_safe
def detail(request: SignedInRequest, application: Application) -> HttpResponse:
    now = clock.now()
    rows = [(key, key.state(now)) for key in application.keys.select_related("created_by")]
    return render(
        request,
        "teams/application_detail.html",
        {
            "application": application,
            "rows": rows,
            "working": sum(state in {"usable", "retiring"} for _key, state in rows),
            "may_change": may(request.membership, Action.APPLICATIONS, application),
        },
    )


@requires(Action.APPLICATIONS, of=Application.objects.visible_to)
def edit(request: SignedInRequest, application: Application) -> HttpResponse:
    name = application.name  # the form writes into the instance, also when it is refused
    form = ApplicationForm(request.POST or None, instance=application)
    if request.method == "POST" and form.is_valid():
        try:
            applications.rename(application, **form.cleaned_data, actor=request.user, address=came_from(request))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect("teams:application-detail", application.ref)
    context = {"form": form, "application": application, "name": name}
    return render(request, "teams/application_form.html", context)


@requires(Action.APPLICATIONS, of=Application.objects.visible_to)
@require_POST
def suspend(request: SignedInRequest, application: Application) -> HttpResponse:
    applications.suspend(application, actor=request.user, address=came_from(request))
    messages.success(request, _("%(name)s is switched off.") % {"name": application.name})
    return redirect("teams:application-detail", application.ref)


@requires(Action.APPLICATIONS, of=Application.objects.visible_to)
@require_POST
def resume(request: SignedInRequest, application: Application) -> HttpResponse:
    applications.resume(application, actor=request.user, address=came_from(request))
    messages.success(request, _("%(name)s is switched on again.") % {"name": application.name})
    return redirect("teams:application-detail", application.ref)
