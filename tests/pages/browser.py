"""Headless Chromium through its DevTools pipe: pages are opened, asked and looked at.

The pipe needs nothing but the standard library: messages are JSON, each ended by a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--mute-audio", "--remote-debugging-pipe",
)  # fmt: skip

READY = "document.documentElement?.dataset.ready === 'yes'"
START = (  # the pipe's ends are where Chromium looks for them: 3 and 4
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execvp(sys.argv[3], sys.argv[3:])"
)


def executable():
    """Path of a Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A running browser with one page."""

    def __init__(self, seconds=30):
        self.seconds = seconds
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        command = [executable(), *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"]
        theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", START, *map(str, theirs), *command],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in theirs:
            os.close(end)
        os.close(theirs_in)
        os.close(theirs_out)
        self.output, self.input = ours_out, ours_in
        self.rest, self.number, self.events = b"", 0, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = session["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{domain}.enable")

    session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        os.close(self.output)
        os.close(self.input)
        self.folder.cleanup()

    def ask(self, method, **parameters):
        """Send a command and wait for its result; events on the way are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + self.seconds
        while True:
            found = self._message(end)
            if found.get("id") != self.number:
                self.events.append(found)
            elif "error" in found:
                raise RuntimeError(f"{method}: {found['error']}")
            else:
                return found["result"]

    def _message(self, end):
        while b"\0" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self.input, 1 << 20)
            if not part:
                raise RuntimeError("the browser has gone")
            self.rest += part
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def run(self, code):
        """Value of a JavaScript expression; promises are awaited."""
        result = self.ask(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait(self, code):
        """Wait until an expression is true."""
        end = time.monotonic() + self.seconds
        while not self.run(code):
            assert time.monotonic() < end, f"waited in vain for {code}"
            time.sleep(0.05)

    def open(self, path, width=1280, height=900, dark=False):
        """Open a page and wait until its figures are drawn; forgets earlier events."""
        self._shape(width, height)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        self.wait(READY)

    def resize(self, width, height=900):
        """Give the page another width and wait until its figures are drawn again, if they are."""
        if (width > 800) != (self.run("innerWidth") > 800):
            self.run("delete document.documentElement.dataset.ready")
        self._shape(width, height)
        self.wait(READY)

    def _shape(self, width, height):
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def complaints(self):
        """Errors and warnings of the page, and what it threw."""
        found = []
        for event in self.events:
            content = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(content["exceptionDetails"]))
            elif event.get("method") == "Runtime.consoleAPICalled":
                found.append(str(content["args"]))
            elif event.get("method") == "Log.entryAdded":
                found.append(content["entry"]["text"])
        return found

    def requests(self):
        """Addresses that were asked for, but for the page itself and data in it."""
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        addresses = [item["request"]["url"] for item in sent if item.get("type") != "Document"]
        return [url for url in addresses if not url.startswith(("data:", "blob:"))]

    def picture(self, path, whole=True):
        """Save what the page looks like as PNG."""
        options = {}
        if whole:
            size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
            options = {"clip": {"x": 0, "y": 0, "width": size["width"],
                                "height": min(size["height"], 15000), "scale": 1}}  # fmt: skip
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole, **options)
        Path(path).write_bytes(base64.b64decode(shot["data"]))
