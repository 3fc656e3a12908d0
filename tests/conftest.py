import os

# Before any settings are read, which is why the settings module is named here and not in
# pyproject.toml: pytest-django would load it before this file. The developer's own environment
# and .env stay outside.
for _name in ("REDIS_URL", "DATABASE_URL", "SESSIONSTATE_BACKEND", "EXTRA_APPS"):
    os.environ.pop(_name, None)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "gradiosession.settings",
    "DJANGO_ENV_FILE": os.devnull,
    "DJANGO_DEBUG": "1",
}
