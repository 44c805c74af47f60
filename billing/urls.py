from django.urls import path

from billing.views import money, plans, subscriptions

app_name = "billing"
urlpatterns = [
    path("services/<slug:slug>/plans/", plans.service_plans, name="service-plans"),
    path("services/<slug:slug>/subscribe/<str:ref>/", plans.subscribe, name="subscribe"),
    path("prices/", plans.prices, name="prices"),
    path("subscriptions/", subscriptions.index, name="subscription-list"),
    path("subscriptions/<str:ref>/", subscriptions.detail, name="subscription-detail"),
    path("subscriptions/<str:ref>/change/", subscriptions.change, name="subscription-change"),
    path("subscriptions/<str:ref>/cancel/", subscriptions.cancel, name="subscription-cancel"),
    path("subscriptions/<str:ref>/keep/", subscriptions.keep, name="subscription-keep"),
    path("subscriptions/<str:ref>/cap/", subscriptions.cap, name="subscription-cap"),
    path("caps/<str:ref>/lift/", subscriptions.lift_cap, name="subscription-cap-lift"),
    path("applications/<str:ref>/reach/", subscriptions.application_reach, name="application-reach"),
    path("billing/", money.billing, name="billing"),
    path("billing/details/", money.edit_details, name="billing-details"),
    path("billing/methods/new/", money.add_method, name="method-new"),
    path("billing/methods/<str:ref>/replace/", money.replace_method, name="method-replace"),
    path("billing/methods/<str:ref>/default/", money.make_default, name="method-default"),
    path("billing/methods/<str:ref>/remove/", money.remove_method, name="method-remove"),
    path("billing/invoices/<str:ref>/", money.invoice, name="invoice-detail"),
    path("billing/invoices/<str:ref>/pay/", money.pay, name="invoice-pay"),
]
