"""What can be called, in the operator's console; Django looks for it here."""

from providers.admin import ai_models, keys, providers, services, versions

__all__ = ["ai_models", "keys", "providers", "services", "versions"]
