"""Environment in, Python values out. Required things have no default, all other defaults are safe in production.

Order: environment, secrets, apps, middleware, URLs, database, cache, auth, languages, static files, security, REST,
Celery, logging, then ours. `.env.example` names every variable.
"""

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.utils.translation import gettext_lazy as _

from apipark import valkey
from apipark.environment import Environment

django_stubs_ext.monkeypatch()

# Environment ---------------------------------------------------------------------------------------------------------
BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()  # SECRET_KEY_FILE=/run/secrets/key works like SECRET_KEY=…
DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / "var").resolve()
# Written by the first run; the environment wins over it, so that all commands share one set of secrets.
environ.Env.read_env(DATA_DIR / "secrets.env")
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")

# Secrets -------------------------------------------------------------------------------------------------------------
SECRET_KEY = env.str("SECRET_KEY").strip()  # a secret file ends in a newline and django-environ keeps it
# id:hex, newest first. The newest makes new digests and seals; older ones only check and open.
KEY_PEPPERS = [item.strip() for item in env.list("KEY_PEPPERS")]
MASTER_KEYS = [item.strip() for item in env.list("MASTER_KEYS")]

# Apps ----------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "apipark.apps.ApiparkConfig",
    "teams.apps.TeamsConfig",
    "providers.apps.ProvidersConfig",
    "billing.apps.BillingConfig",
    "proxy.apps.ProxyConfig",
    "analytics.apps.AnalyticsConfig",
    "apipark.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "csp",
]

# Middleware: never runs on a gateway path ------------------------------------------------------------------------------
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "apipark.health.ProbeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "apipark.readable.NulMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "teams.middleware.PersonMiddleware",
]

# URLs ----------------------------------------------------------------------------------------------------------------
ROOT_URLCONF = "apipark.urls"
ASGI_APPLICATION = "apipark.asgi.application"
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[urlsplit(PUBLIC_URL).hostname or "localhost", "localhost", "127.0.0.1", "[::1]"]
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "teams.context.portal",
            ],
            "builtins": ["apipark.templatetags.portal"],
        },
    }
]

# Database ------------------------------------------------------------------------------------------------------------
# Of PostgreSQL. psycopg waits 130 s for a machine that is away, and every page with it; below 2 s it does not go.
DATABASE_CONNECT_TIMEOUT = env.int("DATABASE_CONNECT_TIMEOUT", default=2)
DATABASES = {"default": env.database_config("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'apipark.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        # Django's default mode fails a third of concurrent read-modify-writes with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL: a spool segment is deleted after the commit, so the commit has to survive a power cut.
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
    }
else:
    DATABASES["default"] |= {
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        "OPTIONS": {"connect_timeout": DATABASE_CONNECT_TIMEOUT, **DATABASES["default"].get("OPTIONS", {})},
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Cache: the portal's only; in the database, so that sign-in limits hold without Redis ----------------------------------
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "apipark_cache"}}

# People --------------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "analytics:home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_ADAPTER = "teams.sign_in.AccountAdapter"
ACCOUNT_LOGOUT_ON_GET = False
# A portal of paid APIs hands out accounts by its operator; anybody may be let in by switching this on.
PORTAL_SIGNUP_OPEN = env.bool("PORTAL_SIGNUP_OPEN", default=False)
EMAIL_CONFIG = env.email_config("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="apipark@localhost")

# Languages and time --------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["apipark.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Static files --------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Security ------------------------------------------------------------------------------------------------------------
_https = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _https else 0)
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# REST ----------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}

# Redis and Celery ----------------------------------------------------------------------------------------------------
# Of the Valkey that `manage.py up` brings along; made by the first run, used only when no REDIS_URL is named.
VALKEY_PASSWORD = env.str("VALKEY_PASSWORD", default="")
_brought_along = valkey.url(DATA_DIR, VALKEY_PASSWORD) if VALKEY_PASSWORD else "redis://127.0.0.1:6379/0"
REDIS_URL = env.str("REDIS_URL", default=_brought_along)
_TASK_TIMEOUT_S = 3600  # above the longest task; the shortest of the three places wins, so they are one value
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": _TASK_TIMEOUT_S,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": _TASK_TIMEOUT_S}
CELERY_VISIBILITY_TIMEOUT = _TASK_TIMEOUT_S
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "roll-up": {"task": "analytics.tasks.roll_up", "schedule": 10.0, "options": {"expires": 10}},
    "bill": {"task": "billing.tasks.bill", "schedule": 30.0, "options": {"expires": 30}},
    "probe": {"task": "providers.tasks.probe", "schedule": 60.0, "options": {"expires": 60}},
    "prune": {"task": "proxy.tasks.prune", "schedule": 300.0, "options": {"expires": 300}},
}

# Logging: JSON lines on stdout, text on a terminal; see apipark/logs.py -----------------------------------------------
LOGGING_CONFIG = "apipark.logs.configure"
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {"level": LOG_LEVEL}

# The gateway ---------------------------------------------------------------------------------------------------------
# Bodies are read whole before a call is admitted: memory per call, so a bound that fits images and long chats.
GATEWAY_MAX_BODY_BYTES = env.int("GATEWAY_MAX_BODY_BYTES", default=10 * 1024 * 1024)
# Target, headers: above what browsers and SDKs send, below what a flood needs.
GATEWAY_MAX_TARGET_BYTES = env.int("GATEWAY_MAX_TARGET_BYTES", default=8 * 1024)
GATEWAY_CONNECT_TIMEOUT = timedelta(seconds=env.int("GATEWAY_CONNECT_TIMEOUT", default=5))
# Silence of the upstream between two chunks, and before the head: models think for minutes.
GATEWAY_IDLE_TIMEOUT = timedelta(seconds=env.int("GATEWAY_IDLE_TIMEOUT", default=120))
GATEWAY_TOTAL_TIMEOUT = timedelta(seconds=env.int("GATEWAY_TOTAL_TIMEOUT", default=600))
# Calls open at once to one upstream of one worker: beyond it calls are shed with 503 instead of queueing without end.
GATEWAY_UPSTREAM_CONCURRENCY = env.int("GATEWAY_UPSTREAM_CONCURRENCY", default=512)
GATEWAY_WORKERS = env.int("GATEWAY_WORKERS", default=1)
# Exact address:port pairs that calls may reach although their range is private (the demo provider; a test's upstream).
GATEWAY_ALLOWED_ADDRESSES = env.list("GATEWAY_ALLOWED_ADDRESSES", default=[])
# How long a worker serves from memory when it cannot read the database (reliability: bounded authority).
GATEWAY_SNAPSHOT_LIFE = timedelta(minutes=env.int("GATEWAY_SNAPSHOT_LIFE_MINUTES", default=15))
# How long a role finishes open calls after SIGTERM; `up` itself uses 4 s so that Ctrl-C is quick.
GATEWAY_DRAIN = timedelta(seconds=env.int("GATEWAY_DRAIN", default=30))
# Output bound reserved for an AI call that names none (money is reserved whole in advance).
GATEWAY_DEFAULT_MAX_TOKENS = env.int("GATEWAY_DEFAULT_MAX_TOKENS", default=4096)
# A probe asks a provider for its list of models. It answers at once or is in trouble; a worker waits for it meanwhile.
GATEWAY_PROBE_TIMEOUT = timedelta(seconds=env.int("GATEWAY_PROBE_TIMEOUT", default=10))
# The longest list of a known aggregator is about 1 MB.
GATEWAY_PROBE_MAX_BYTES = env.int("GATEWAY_PROBE_MAX_BYTES", default=4 * 1024 * 1024)
# Seldom enough for a provider's limits, often enough that a key is known to be refused before many calls are.
GATEWAY_PROBE_INTERVAL = timedelta(minutes=env.int("GATEWAY_PROBE_INTERVAL_MINUTES", default=10))
SPOOL_DIR = DATA_DIR / "spool"
# off, interval (every 200 ms) or always: how much of the spool a power cut may take.
SPOOL_FSYNC = env.str("SPOOL_FSYNC", default="interval")
# Segments rotate at this size; a shipped segment is deleted.
SPOOL_SEGMENT_BYTES = env.int("SPOOL_SEGMENT_BYTES", default=64 * 1024 * 1024)
# New calls are refused below this much free space, so that each open call can still write its outcome.
SPOOL_FREE_BYTES = env.int("SPOOL_FREE_BYTES", default=64 * 1024 * 1024)
HEARTBEAT_DIR = DATA_DIR / "heartbeats"
# Raw calls are kept this long; roll-ups stay.
GATEWAY_CALL_RETENTION = timedelta(days=env.int("GATEWAY_CALL_RETENTION_DAYS", default=90))

# Money ---------------------------------------------------------------------------------------------------------------
# Cards that are not real and the clock that can be moved. `manage.py up` switches it on unless --no-demo.
BILLING_TEST_GATEWAY = env.bool("BILLING_TEST_GATEWAY", default=False)
# Between the first failed payment (or the due date) and the first refused call.
BILLING_GRACE = timedelta(hours=env.int("BILLING_GRACE_HOURS", default=72))
# Printed on invoices that are paid by transfer.
BILLING_BANK_DETAILS = env.str("BILLING_BANK_DETAILS", default="")

# The portal ----------------------------------------------------------------------------------------------------------
PORTAL_OPERATOR_EMAIL = env.str("PORTAL_OPERATOR_EMAIL", default="operator@localhost")
# Calls in one CSV file: above what people read, below what holds a worker and a database for minutes.
PORTAL_EXPORT_CALLS = env.int("PORTAL_EXPORT_CALLS", default=50_000)
PORTAL_SUPPORT_EMAIL = env.str("PORTAL_SUPPORT_EMAIL", default="")
