"""Two-factor authentication by allauth, with its secrets encrypted in the database."""

from __future__ import annotations

import base64
import hashlib
import logging

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes
from django.utils.translation import gettext_lazy as _
from qrcode.image.svg import SvgPathImage

logger = logging.getLogger(__name__)


def _fernet() -> MultiFernet:
    """Encrypts with the secret key; what its predecessors encrypted can still be read."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (hashlib.sha256(b"accounts.mfa:" + force_bytes(key)).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("The code is not right, or was used already."),
        "unverified_email": _("Confirm your e-mail address first."),
        "add_email_blocked": _(
            "Switch two-factor authentication off before you add an e-mail address."
        ),
    }

    def build_totp_svg(self, url: str) -> str:
        """Without the XML declaration: it goes into the page, where it needs no leave of a policy
        for images."""
        picture: str = qrcode.make(url, image_factory=SvgPathImage).to_string(encoding="unicode")
        return picture

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _fernet().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            logger.error("A two-factor secret is of a secret key that is not known any more")
            return str(generate_totp_secret())  # which nobody has: every code is wrong
