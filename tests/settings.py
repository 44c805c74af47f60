"""The product's settings with what tests need: throw-away secrets, a data directory of their own, plain static files."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="apipark-tests-"))
os.environ["SECRET_KEY"] = "tests-only-" + "0123456789abcdef" * 4
os.environ["KEY_PEPPERS"] = "1:" + "a1" * 32
os.environ["MASTER_KEYS"] = "1:" + "b2" * 32
os.environ["BILLING_TEST_GATEWAY"] = "1"
os.environ.setdefault("PUBLIC_URL", "http://localhost:8000")

from apipark.settings import *  # noqa: F403
from apipark.settings import STATIC_ROOT

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Argon2 takes a good part of a second by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["*"]
Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a missing one
