"""A user agent string in words that people know."""

from __future__ import annotations

# The first that is found counts: Edge and Opera also say Chrome, Chrome also says Safari.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS": "Firefox",
    "HeadlessChrome": "Headless Chrome",
    "CriOS": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
    "gradio_client": "Gradio client",
    "python": "Python client",
}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def device(user_agent: str) -> str:
    lowered = user_agent.lower()
    browser = next((name for mark, name in BROWSERS.items() if mark.lower() in lowered), "")
    system = next((name for mark, name in SYSTEMS.items() if mark.lower() in lowered), "")
    return " on ".join(filter(None, [browser, system])) or "Unknown device"
