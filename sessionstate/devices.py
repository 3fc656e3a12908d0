"""What people call the device that a user agent names."""

from __future__ import annotations

from django.utils.translation import gettext


def describe(user_agent: str) -> str:
    """Like "Firefox on Linux" or "python-httpx"; "Unknown device" when it says nothing."""
    from ua_parser import parse  # its tables cost 15 MB, which only lists for people need

    found = parse(user_agent[:200])
    browser = found.user_agent.family.removeprefix("Headless") if found.user_agent else ""
    system = found.os.family if found.os else ""
    if browser and system:
        return gettext("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    # Programs name themselves first: `python-httpx/0.28.1`, `curl/8.5.0`.
    product = user_agent.partition("/")[0].strip()[:40]
    return browser or system or product or gettext("Unknown device")
