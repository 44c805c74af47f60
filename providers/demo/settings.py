"""What the demo provider and whoever seeds its key must agree on."""

from typing import Final

# Not a secret: the provider listens on loopback and makes its answers up. It is there so that keys are really checked.
DEMO_KEY: Final = "demo-provider-key"
MODELS: Final = ("demo-chat", "demo-large", "demo-embedding")
EMBEDDING_SIZE: Final = 64
