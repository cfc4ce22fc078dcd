"""A real Chromium without a window, driven by the DevTools protocol.

The protocol is JSON over a WebSocket, which aiohttp speaks; libraries for it bring browsers or drivers of their own,
and what is needed here fits on a page.
"""

from browser.chromium import BrowserMissing, Chromium, Page, find_chromium

__all__ = ["BrowserMissing", "Chromium", "Page", "find_chromium"]
