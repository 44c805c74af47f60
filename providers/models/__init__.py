from providers.models.ai_model import AiModel, ModelPrice
from providers.models.provider import Dialect, Provider, ProviderKey
from providers.models.service import Service, ServiceVersion, VersionState

__all__ = ["AiModel", "Dialect", "ModelPrice", "Provider", "ProviderKey", "Service", "ServiceVersion", "VersionState"]
