"""What it costs, in the operator's console; Django looks for it here."""

from billing.admin import allowances, invoices, payments, plans, subscriptions

__all__ = ["allowances", "invoices", "payments", "plans", "subscriptions"]
