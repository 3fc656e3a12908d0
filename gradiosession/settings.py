from pathlib import Path

from gradiosession import __version__, logs
from gradiosession import env as _env

BASE_DIR = Path(__file__).resolve().parent.parent
# `manage.py startgradioapp` adds the new app to EXTRA_APPS there.
GRADIOSESSION_ENV_FILE = _env.file(BASE_DIR)
env = _env.read(BASE_DIR)
# What an operator sees where several run side by side, in `manage.py cluster` and in metrics.
GRADIOSESSION_RELEASE = env.str("GRADIOSESSION_RELEASE", default=__version__)

DEBUG = env.bool("DJANGO_DEBUG", default=False)

# The embedded key is refused as soon as DEBUG is off (see refuse_unsafe below).
SECRET_KEY = env.str(
    "DJANGO_SECRET_KEY", default=f"{_env.INSECURE_PREFIX}development-only" if DEBUG else ""
)
SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list(
    "DJANGO_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else []
)
CSRF_TRUSTED_ORIGINS = env.list("DJANGO_CSRF_TRUSTED_ORIGINS", default=[])

# Applications -----------------------------------------------------------------------------

INSTALLED_APPS = [
    # First: their runserver is daphne, and leaves static files to whitenoise, as in production.
    "whitenoise.runserver_nostatic",
    "daphne",
    "gradio_ui",
    "accounts",
    "sessionstate",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "accounts.sso",
    "channels",
    "ninja",
    # Your own apps with a gradio_apps module, without editing this file.
    *env.list("EXTRA_APPS", default=[]),
]

MIDDLEWARE = [
    # Before the host check, the HTTPS redirect and the session: a probe has none of them right.
    "gradiosession.health.HealthMiddleware",
    "gradiosession.headers.HeadersMiddleware",
    "gradiosession.problems.ProblemsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "sessionstate.middleware.SessionMiddleware",
    "accounts.middleware.PrivatePagesMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "gradiosession.urls"
ASGI_APPLICATION = "gradiosession.asgi.application"

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
            ],
        },
    },
]

# Storage ----------------------------------------------------------------------------------

DATABASES = {"default": _env.database(env, BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
# Seconds for an answer: a store that gives none must fail, not hang.
SESSIONSTATE_STORE_TIMEOUT = env.float("SESSIONSTATE_STORE_TIMEOUT", default=2.0)
REDIS_LIMITS = {
    "socket_connect_timeout": SESSIONSTATE_STORE_TIMEOUT,
    "socket_timeout": SESSIONSTATE_STORE_TIMEOUT,
}
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {name.upper(): seconds for name, seconds in REDIS_LIMITS.items()},
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            # Without storage: what nobody hears at once is seen by `accounts.watch`.
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, **REDIS_LIMITS}]},
        }
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# Uploads and Gradio's temporary files.
GRADIOSESSION_DATA_DIR = BASE_DIR / env.str("GRADIOSESSION_DATA_DIR", default="data")

# Sessions ---------------------------------------------------------------------------------

SESSION_ENGINE = "sessionstate.engine"
SESSIONSTATE_BACKEND = env.str("SESSIONSTATE_BACKEND", default="db")
SESSIONSTATE_TICKETS = "accounts.tickets.JWTTickets"
# Seconds without use, and seconds since sign-in, after which a session ends.
SESSION_COOKIE_AGE = env.int("SESSION_IDLE_AGE", default=12 * 60 * 60)
SESSIONSTATE_ABSOLUTE_AGE = env.int("SESSIONSTATE_ABSOLUTE_AGE", default=14 * 24 * 60 * 60)
# "Stay signed in" lifts the idle limit; the absolute one stands.
ACCOUNT_SESSION_COOKIE_AGE = SESSIONSTATE_ABSOLUTE_AGE
# allauth notes under names without underscore how somebody signed in and which address is theirs.
SESSIONSTATE_RESERVED_PREFIXES = ("account_", "socialaccount_", "mfa.", "allauth_", "oauth_")

# Tickets ----------------------------------------------------------------------------------

SIMPLE_JWT = _env.signing(env)
ACCOUNTS_OLD_KEYS = [_env.ticket_key(key) for key in env.list("TICKET_OLD_KEYS", default=[])]
# Where they travel; the first place that has one decides.
ACCOUNTS_TICKET_PLACES = env.list("TICKET_PLACES", default=["bearer", "header", "cookie"])
ACCOUNTS_BEARER_HEADER = env.str("TICKET_BEARER_HEADER", default="Authorization")
ACCOUNTS_TOKEN_HEADER = env.str("TICKET_TOKEN_HEADER", default="X-Session-Token")
SESSIONSTATE_VERIFIERS = env.list("SESSION_VERIFIERS", default=[])
SESSIONSTATE_SKIP_HEADER = env.str("SESSION_SKIP_HEADER", default="")
SESSIONSTATE_MAX_PER_USER = env.int("SESSION_MAX_PER_USER", default=0)

# Limits of one user in Gradio apps, see gradio_ui.conf --------------------------------------

_MB = 1024 * 1024
GRADIO_UI_MAX_BODY = env.int("GRADIO_UI_MAX_BODY", default=_MB)
GRADIO_UI_MAX_UPLOAD = env.int("GRADIO_UI_MAX_UPLOAD", default=200 * _MB)
GRADIO_UI_MAX_FILES = env.int("GRADIO_UI_MAX_FILES", default=100)
GRADIO_UI_MAX_USER_BYTES = env.int("GRADIO_UI_MAX_USER_BYTES", default=2048 * _MB)
GRADIO_UI_MAX_PAGES = env.int("GRADIO_UI_MAX_PAGES", default=200)
GRADIO_UI_MAX_STREAMS = env.int("GRADIO_UI_MAX_STREAMS", default=200)
GRADIO_UI_MAX_EVENTS = env.int("GRADIO_UI_MAX_EVENTS", default=200)
# Of one visitor of a public app.
GRADIO_UI_MAX_VISITOR_BYTES = env.int("GRADIO_UI_MAX_VISITOR_BYTES", default=50 * _MB)
GRADIO_UI_MAX_VISITOR_PAGES = env.int("GRADIO_UI_MAX_VISITOR_PAGES", default=20)
GRADIO_UI_MAX_VISITOR_STREAMS = env.int("GRADIO_UI_MAX_VISITOR_STREAMS", default=40)
GRADIO_UI_MAX_VISITOR_EVENTS = env.int("GRADIO_UI_MAX_VISITOR_EVENTS", default=10)
# Whether @limit and register(limit=...) count no call of a superuser.
GRADIO_UI_EXEMPT_SUPERUSERS = env.bool("GRADIO_UI_EXEMPT_SUPERUSERS", default=False)

# Several processes, see gradio_ui.cluster -----------------------------------------------------

GRADIO_UI_CLUSTER = env.bool("GRADIO_UI_CLUSTER", default=bool(REDIS_URL))
# unix:<directory> or tcp://<host>:<port>, where the other processes reach this one.
GRADIO_UI_CLUSTER_ADDRESS = env.str("GRADIO_UI_CLUSTER_ADDRESS", default="")
GRADIO_UI_CLUSTER_PREFIX = env.str("GRADIO_UI_CLUSTER_PREFIX", default="gradiosession")
# Seconds that a request waits for a process that lives and does not answer.
GRADIO_UI_CLUSTER_PATIENCE = env.float("GRADIO_UI_CLUSTER_PATIENCE", default=20.0)
# Seconds that running events have when a process is to stop; with others it can take its time.
GRADIO_UI_DRAIN_LIMIT = env.float(
    "GRADIO_UI_DRAIN_LIMIT", default=25.0 if GRADIO_UI_CLUSTER else 1.0
)

# Metrics for Prometheus, see gradiosession.metrics --------------------------------------------

# Who may read /metrics: with this token, or from these networks and not through a proxy.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
METRICS_NETWORKS = _env.networks(
    env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"] if DEBUG else [])
)

# People -----------------------------------------------------------------------------------

# allauth's is a ModelBackend; with Django's own beside it a wrong password would be hashed twice.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "accounts.forms.RegisterForm",
    "add_email": "accounts.forms.EmailForm",
    "change_password": "accounts.forms.PasswordForm",
    "set_password": "accounts.forms.FirstPasswordForm",
    "reset_password": "accounts.forms.ResetForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
    "reauthenticate": "accounts.forms.ConfirmForm",
}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNTS_SIGNUP_OPEN = env.bool("ACCOUNTS_SIGNUP_OPEN", default=False)
# Seconds after which a process reads a user again whom it knows, see accounts.access.
ACCOUNTS_REREAD_AFTER = env.int("ACCOUNTS_REREAD_AFTER", default=60)
# Seconds before the end of an unused session at which open pages are told.
ACCOUNTS_EXPIRING_BEFORE = env.int("ACCOUNTS_EXPIRING_BEFORE", default=60)
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_EMAIL_VERIFICATION = env.str("ACCOUNTS_EMAIL_VERIFICATION", default="optional")
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Visitors of public apps: seconds without use, and how many may come from where.
ACCOUNTS_VISITOR_AGE = env.int("ACCOUNTS_VISITOR_AGE", default=24 * 60 * 60)
ACCOUNTS_VISITS = env.str("ACCOUNTS_VISITS", default="60/h/ip")
# Before a change that would let somebody stay in: password, e-mail, second factor, keys, SSO.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# Seconds for which a confirmed password or code is good.
ACCOUNT_REAUTHENTICATION_TIMEOUT = env.int("ACCOUNTS_REAUTHENTICATION_AGE", default=5 * 60)
MFA_ADAPTER = "accounts.mfa.MFAAdapter"
MFA_TOTP_ISSUER = "Gradio Session"
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.ConfirmCodeForm",
    "activate_totp": "accounts.forms.ActivateForm",
}
SOCIALACCOUNT_ADAPTER = "accounts.sso.adapter.SSOAdapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.forms.SSORegisterForm"}
SOCIALACCOUNT_PROVIDERS = _env.oidc(env)
# Whom the provider's e-mail address leads to is linked for good (where OIDC_LINK_BY_EMAIL says so).
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# Failures of an address, and of a user; `accounts.throttle` says how they are counted.
ACCOUNT_RATE_LIMITS = {
    "login": env.str("ACCOUNTS_ATTEMPTS", default="30/m/ip"),
    "login_failed": env.str("ACCOUNTS_FAILURES", default="10/m/ip,5/5m/key"),
}
# How long an address counts as known after a sign-in there, and lines of the audit trail stay.
ACCOUNTS_KNOWN_ADDRESS_DAYS = env.int("ACCOUNTS_KNOWN_ADDRESS_DAYS", default=30)
ACCOUNTS_AUDIT_DAYS = env.int("ACCOUNTS_AUDIT_DAYS", default=180)
DEMO_USERS = env.bool("DEMO_USERS", default=DEBUG)
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="gradio-demo")

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="webmaster@localhost")

# Demo assistant ---------------------------------------------------------------------------

ASSISTANT_BASE_URL = env.str("ASSISTANT_BASE_URL", default="")
ASSISTANT_MODEL = env.str("ASSISTANT_MODEL", default="")
ASSISTANT_API_KEY = env.str("ASSISTANT_API_KEY", default="")

# HTTPS ------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("DJANGO_SECURE_COOKIES", default=not DEBUG)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = env.str("SESSION_COOKIE_SAMESITE", default="Lax")
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_PATH = env.str("SESSION_COOKIE_PATH", default="/")
SESSION_COOKIE_DOMAIN = env.str("SESSION_COOKIE_DOMAIN", default="") or None
# With this prefix browsers let no sibling subdomain and no plain HTTP page set the cookie.
_prefix = "__Host-" if SESSION_COOKIE_SECURE else ""
SESSION_COOKIE_NAME = env.str("SESSION_COOKIE_NAME", default=f"{_prefix}session")
CSRF_COOKIE_NAME = f"{_prefix}csrftoken"
SECURE_SSL_REDIRECT = env.bool("DJANGO_SSL_REDIRECT", default=not DEBUG)
SECURE_HSTS_SECONDS = env.int("DJANGO_HSTS_SECONDS", default=0 if DEBUG else 365 * 24 * 60 * 60)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("DJANGO_HSTS_SUBDOMAINS", default=True)
# Joining the browsers' preload lists is the domain owner's decision, and hard to take back.
SECURE_HSTS_PRELOAD = env.bool("DJANGO_HSTS_PRELOAD", default=False)
SILENCED_SYSTEM_CHECKS = ["security.W021"]
# Only behind a proxy that always sets this header itself; otherwise clients could.
BEHIND_PROXY = env.bool("DJANGO_BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many of them append to X-Forwarded-For; what stands before their entries is hearsay.
TRUSTED_PROXIES = env.int("DJANGO_TRUSTED_PROXIES", default=int(BEHIND_PROXY))

# Static files -----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / env.str("DJANGO_STATIC_ROOT", default="staticfiles")
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "gradio_ui.frontend.FrontendFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": f"gradio_ui.frontend.{'PlainStorage' if DEBUG else 'HashedStorage'}"
    },
    # Of users, where processes share no directory; see gradio_ui.storage.
    **_env.files(env),
}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = DEBUG
# Pages of other sites have no use for them.
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Language and time ------------------------------------------------------------------------

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
# Those in which all pages are written; allauth alone would speak more.
LANGUAGES = [("en", "English"), ("de", "German"), ("pl", "Polish")]
LOCALE_PATHS = [BASE_DIR / "locale"]
# The reader's own choice, from the foot of a page; without it the browser's languages decide.
LANGUAGE_COOKIE_NAME = f"{_prefix}language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

# Logging ----------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="console" if DEBUG else "json")
LOGGING = logs.config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"))
LOGGING_CONFIG = "gradiosession.logs.configure"
# Error pages of development, and reports by mail, without anybody's secrets.
DEFAULT_EXCEPTION_REPORTER = "gradiosession.reports.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "gradiosession.reports.ReportFilter"

_env.refuse_unsafe(globals())
