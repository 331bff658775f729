"""A page in a headless Chromium, driven over its DevTools protocol as by a reader: hover, press, dark mode, phone."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from choreographer import Browser

__all__ = ["Page", "visit"]


class Page:
    """One tab.

    Attributes:
        complaints: What the console and the page said that was more than information.
    """

    def __init__(self, tab: Any) -> None:
        self._tab = tab
        self.complaints: list[str] = []

    async def open(self, address: str, *, width: int, dark: bool) -> None:
        """Load a page and wait until its figures are drawn."""
        for domain in ("Page", "Runtime", "Log"):
            await self.send(f"{domain}.enable")
        self._tab.subscribe("Runtime.exceptionThrown", self._complain)
        self._tab.subscribe("Log.entryAdded", self._complain)
        self._tab.subscribe("Runtime.consoleAPICalled", self._complain)
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        await self.color_scheme(dark=dark)
        await self.send("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")
        await self.until("document.documentElement.dataset.drawn === 'all'")

    async def color_scheme(self, *, dark: bool) -> None:
        """What the reader prefers."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def send(self, command: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        answer = await self._tab.send_command(command, parameters)
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def until(self, expression: str, *, timeout_s: float = 60.0) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(timeout_s):
            while not await self.evaluate(f"Boolean({expression})"):
                await asyncio.sleep(0.05)

    async def move(self, x: float, y: float) -> None:
        """Move the mouse to a place in the window."""
        await self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    async def click(self, selector: str) -> None:
        """Scroll to an element and press it."""
        x, y = await self.centre(selector)
        await self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def centre(self, selector: str) -> tuple[float, float]:
        """The middle of an element, which is scrolled to."""
        expression = f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()"""
        x, y = await self.evaluate(expression)
        return float(x), float(y)

    async def picture(self, file: Path) -> None:
        """A picture of the whole page, for eyes."""
        answer = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(answer["data"]))

    async def _complain(self, message: dict[str, Any]) -> None:
        parameters = message["params"]
        level = parameters.get("entry", {}).get("level") or parameters.get("type", "error")
        if level in ("error", "warning"):
            self.complaints.append(json.dumps(parameters)[:500])


def visit(address: str, scenario: Callable[[Page], Awaitable[None]], *, width: int = 1200, dark: bool = False) -> None:
    """Open a page and do with it what the scenario says."""

    async def run() -> None:
        async with Browser(headless=True) as browser:
            page = Page(await browser.create_tab())
            await page.open(address, width=width, dark=dark)
            await scenario(page)

    asyncio.run(run())
