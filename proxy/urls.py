from django.urls import path

from proxy.views import acts, contact, fix, problems

app_name = "proxy"
urlpatterns = [
    path("problems/", problems.index, name="problem-list"),
    # The address in `type`, without a slash at its end.
    path("problems/<slug:slug>", problems.detail, name="problem-type"),
    path("problems/<slug:slug>/", problems.detail, name="problem-detail"),
    path("fix/<slug:slug>/", fix.fix, name="fix"),
    path("fix/<slug:slug>/check/", fix.check, name="fix-check"),
    path("fix/<slug:slug>/ask/", fix.ask, name="fix-ask"),
    path("fix/<slug:slug>/subscribe/", acts.subscribe, name="fix-subscribe"),
    path("fix/<slug:slug>/change/", acts.change_plan, name="fix-change"),
    path("fix/<slug:slug>/card/", acts.card, name="fix-card"),
    path("fix/<slug:slug>/default/", acts.make_default, name="fix-default"),
    path("fix/<slug:slug>/pay/", acts.pay, name="fix-pay"),
    path("fix/<slug:slug>/cap/", acts.raise_cap, name="fix-cap"),
    path("fix/<slug:slug>/lift/", acts.lift_cap, name="fix-lift"),
    path("fix/<slug:slug>/resume/", acts.resume, name="fix-resume"),
    path("fix/<slug:slug>/switch-on/", acts.switch_on, name="fix-switch-on"),
    path("fix/<slug:slug>/details/", acts.details, name="fix-details"),
    path("contact/", contact.contact, name="contact"),
]
