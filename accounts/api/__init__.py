"""The part of `/api/` that is about people and their sessions."""

from ninja import Router

from . import auth, data, keys, sessions
from .security import session_auth

__all__ = ["router", "session_auth"]

router = Router()
router.add_router("/auth", auth.router, tags=["auth"])
router.add_router("/sessions", sessions.router, tags=["sessions"], auth=session_auth)
router.add_router("/keys", keys.router, tags=["API keys"], auth=session_auth)
router.add_router("/session/data", data.router, tags=["session data"], auth=session_auth)
