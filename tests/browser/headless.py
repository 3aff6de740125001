"""A page in a headless Chromium, driven over the DevTools protocol through a pipe: no driver, no port, no network."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TIMEOUT_S = 30.0


class Browser:
    """One tab. `errors` are messages of the console and exceptions, `requests` the addresses that were asked for,
    `blocked` why some were not let out.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
                   "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={profile}",
                   "about:blank"]  # fmt: skip
        command = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, CHROMIUM, *options], pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL
        )
        os.close(to_read)
        os.close(to_write)
        self._number, self._buffer, self._session = 0, b"", ""
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.blocked: list[str] = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=TIMEOUT_S)
        os.close(self._out)
        os.close(self._in)

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file and wait until its script is done."""
        self.resize(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", media="", features=[scheme])
        self.visit(path.resolve().as_uri())

    def print(self) -> None:
        """Show the page as it is printed, until the next page."""
        self._call("Emulation.setEmulatedMedia", media="print", features=[])

    def visit(self, url: str) -> None:
        """Load a page and wait until it says that it is ready."""
        self.go(url)
        self.wait_for("document.documentElement?.dataset.ready === 'yes'")

    def go(self, url: str) -> None:
        """Begin to load a page."""
        self.errors.clear()
        self.requests.clear()
        self.blocked.clear()
        self._call("Page.navigate", url=url)

    def wait_for(self, expression: str) -> Any:
        """What an expression says as soon as that is true."""
        limit = time.monotonic() + TIMEOUT_S
        while not (found := self.ask(expression)):
            assert time.monotonic() < limit, self.errors
            time.sleep(0.02)
        return found

    def resize(self, width: int, height: int, *, scale: int = 1) -> None:
        """Set the size of the window."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                   mobile=width < 600)  # fmt: skip

    def ask(self, expression: str) -> Any:
        """Value of an expression in the page, a promise's once it has one."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise AssertionError(found["exceptionDetails"]["exception"].get("description", found))
        return found["result"].get("value")

    def press(self, key: str, times: int = 1) -> None:
        """A key on what has the focus."""
        text = {"Enter": "\r", "Space": " "}.get(key, key if len(key) == 1 else None)
        for _ in range(times):
            down: dict[str, Any] = {"key": key, "code": key, "windowsVirtualKeyCode": _CODES.get(key, 0)}
            self._call("Input.dispatchKeyEvent", type="keyDown", **down, **({"text": text} if text else {}))
            self._call("Input.dispatchKeyEvent", type="keyUp", **down)

    def type(self, text: str) -> None:
        """Text into what has the focus."""
        self._call("Input.insertText", text=text)

    def move(self, selector: str) -> None:
        """The pointer to the middle of an element."""
        self._mouse("mouseMoved", self._middle(selector))

    def click(self, selector: str) -> None:
        """A click on the middle of an element."""
        place = self._middle(selector)
        self._mouse("mousePressed", place, button="left", clickCount=1)
        self._mouse("mouseReleased", place, button="left", clickCount=1)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """The window, or the whole page, as a PNG file."""
        options: dict[str, Any] = {"captureBeyondViewport": whole}
        if whole:
            size = self._call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {**size, "scale": 1}
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png", **options)["data"]))

    def _middle(self, selector: str) -> tuple[float, float]:
        """Where an element is, after it was scrolled into sight and the page has answered that."""
        one = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{one}.scrollIntoView({{block: 'center', inline: 'center'}})")
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        box = self.ask(f"{one}.getBoundingClientRect().toJSON()")
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def _mouse(self, kind: str, place: tuple[float, float], **options: Any) -> None:
        self._call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], **options)

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            data = os.read(self._in, 1 << 16)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict[str, Any]) -> None:
        method, found = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(found["exceptionDetails"]["exception"].get("description", "an exception"))
        elif method == "Log.entryAdded":
            self.errors.append(found["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and found["type"] in ("error", "warning", "assert"):
            self.errors.append(str(found["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(found["request"]["url"])
        elif method == "Network.loadingFailed":
            self.blocked.append(found.get("blockedReason", ""))


_CODES = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Backspace": 8,
          "Tab": 9, "Home": 36, "End": 35}  # fmt: skip
