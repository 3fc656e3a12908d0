"""Providers are settings here, and their tokens are not kept: both stay out of the admin."""

import allauth.socialaccount.admin  # noqa: F401  # registers what is taken out below
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin

admin.site.unregister([SocialApp, SocialToken])
