from billing.models.allowance import Allowance, Correction, Lease
from billing.models.payment import Invoice, InvoiceLine, InvoiceNumber, PaymentAttempt, PaymentMethod
from billing.models.plan import Interval, Limit, Meter, Plan, PlanVersion
from billing.models.subscription import Cap, Subscription

__all__ = [
    "Allowance",
    "Cap",
    "Correction",
    "Interval",
    "Invoice",
    "InvoiceLine",
    "InvoiceNumber",
    "Lease",
    "Limit",
    "Meter",
    "PaymentAttempt",
    "PaymentMethod",
    "Plan",
    "PlanVersion",
    "Subscription",
]
