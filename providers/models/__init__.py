from providers.models.ai_model import REACTIONS, AiModel, Alias, FallbackTarget, ModelPrice, PriceRow
from providers.models.provider import Dialect, Door, Provider, ProviderKey, WithheldModel
from providers.models.service import Service, ServiceVersion, VersionState

__all__ = [
    "REACTIONS",
    "AiModel",
    "Alias",
    "Dialect",
    "Door",
    "FallbackTarget",
    "ModelPrice",
    "PriceRow",
    "Provider",
    "ProviderKey",
    "Service",
    "ServiceVersion",
    "VersionState",
    "WithheldModel",
]
