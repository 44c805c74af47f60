"""The product's settings with what tests need: throw-away secrets, a data directory of their own, plain static files."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "DATA_DIR" not in os.environ:  # else pytest's workers and the tests' programs use the folder of the first process
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="apipark-tests-")
    atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)
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
