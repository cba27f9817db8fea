"""Settings of one Assentry process.  What comes from outside is read in `config.environment`."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from config import environment
from notifications.mail.server import Server
from people.sso.settings import Provider

BASE_DIR = environment.ROOT
BASE_URL = environment.base_url()
SECRET_KEY = environment.secret_key()
SEALING_KEYS = environment.sealing_keys()
ANCHOR_DIR = environment.anchor_folder()
EXPORT_STORE = environment.export_store()
HEARTBEAT_URL = environment.heartbeat_url()
METRICS_TOKEN = environment.metrics_token()
SLACK_API_URL = environment.slack_api_url()
SMTP: Server | None = environment.smtp()
MAIL_FROM = environment.mail_from()
OIDC: Provider | None = environment.identity_provider()
DEBUG = False
HTTPS = BASE_URL.startswith("https://")
_base = urlsplit(BASE_URL)
ALLOWED_HOSTS = sorted(
    {_base.hostname or "localhost", *(environment.LOOPBACK if not HTTPS else ())}
)
#: Below which path of its host the product is, ``/assentry``; None at the root.  Links and redirects begin
#: with it, and the front (`api.front`) takes it off what comes in.
FORCE_SCRIPT_NAME = _base.path or None
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "core",
    "signing",
    "audit",
    "people",
    "agents",
    "notifications",
    "callbacks",
    "policies",
    "approvals",
    "escalations",
    "oversight",
    "pages",
    "config",  # no models: the doctor's command
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "pages.middleware.PageHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "pages.middleware.BodiesLeftOut",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ],
        },
    },
]

# -- database ------------------------------------------------------------------------------------
_runtime_url, _owner_url = environment.database_urls()
#: Connections one web process keeps for Django; the hot calls have a pool of their own (core.db).
WEB_POOL = {"min_size": 1, "max_size": 8, "timeout": 5}
_options: dict[str, Any] = {"pool": WEB_POOL} if os.environ.get("ASSENTRY_PROCESS") == "web" else {}
DATABASES = {
    "default": environment.database(_runtime_url, **_options),
    "owner": environment.database(_owner_url),
}
RUNTIME_ROLE: str = DATABASES["default"]["USER"]
OWNER_ROLE: str = DATABASES["owner"]["USER"]
DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = os.environ.get("REDIS_URL", "")

# -- people --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "people.backends.UserBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian: nobody who is not signed in holds a permission
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# django-allauth: second factors, and single sign-on. Nobody signs up by themselves.
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "people.account_adapter.Adapter"
MFA_ADAPTER = "people.mfa_adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # clocks of phones differ, and people type: half a minute either way
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "inbox"

# -- cookies and headers -------------------------------------------------------------------------
# The __Host- prefix and Secure go together, and browsers refuse both on plain http.
_prefix = "__Host-" if HTTPS else ""
SESSION_ENGINE = "people.sessions"
SESSION_COOKIE_NAME = f"{_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_prefix}csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_SSL_REDIRECT = False  # the front proxy redirects; answering http at all is its decision
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = False
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # SECURE_SSL_REDIRECT: see above
    "security.W021",  # preload is a promise for the whole domain, which is not ours to make
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# The front hands on no larger body: files stay in memory, and none is ever laid down on disk.
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# -- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}

# -- pages ---------------------------------------------------------------------------------------
STATIC_URL = f"{_base.path}/static/"
# Nothing is collected by default: the checkout's own files are served as they are.
_collected = environment.data_folder() / "static"
STATIC_ROOT = _collected if _collected.is_dir() else None
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # served from the checkout: there is no collectstatic step to forget
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"links": {"()": "core.log_lines.HideLinks"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["links"]}
    },
    "root": {"handlers": ["stderr"], "level": os.environ.get("ASSENTRY_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        # They tell of every connection lent and every task run.
        "psycopg.pool": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        # It tells of every passkey that is used, by its id.
        "fido2": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
    },
}
