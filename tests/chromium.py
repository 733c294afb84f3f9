"""Headless Chromium, driven through its own pipe: no driver and no package."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """One page of a browser; ``errors`` is what its console and its requests complained of."""

    def __init__(self, profile, width=1366, height=768):
        down, self._up = os.pipe()
        self._answers, up = os.pipe()
        command = [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            "about:blank",
        ]
        # Chromium reads its commands from descriptor 3 and writes answers to 4.
        script = f'exec "$@" 3<&{down} 4>&{up}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command],
            pass_fds=(down, up),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(down)
        os.close(up)
        self._buffer, self._count, self._session = b"", 0, None
        self.errors, self.requests = [], []
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def send(self, method, **params):
        """Send a command and wait for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._up, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _read(self):
        while b"\0" not in self._buffer:
            data = os.read(self._answers, 1 << 20)
            assert data, "Chromium has ended"
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def _note(self, event):
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif event.get("method") == "Runtime.consoleAPICalled":
            if params["type"] in ("error", "warning", "assert"):
                self.errors.append(f"console: {params['args'][0].get('value')}")
        elif event.get("method") == "Network.responseReceived":
            if params["response"]["status"] >= 400:
                self.errors.append(f"{params['response']['status']} {params['response']['url']}")
        elif event.get("method") == "Network.loadingFailed" and not params.get("canceled"):
            self.errors.append(params["errorText"])
        elif event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def resize(self, width, height):
        """Another size of the screen."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url):
        """Go to an address."""
        self.send("Page.navigate", url=url)

    def run(self, script):
        """The value of a script in the page; of a promise its result."""
        done = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, script, seconds=60):
        """Wait until a script's value is true, and return it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        raise AssertionError(f"after {seconds} s there is still not: {script}")

    def press(self, key, shift=False):
        """Press a key such as ArrowLeft."""
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=8 * shift)

    def drag(self, start, end):
        """Press at a point of the window, move, let go."""
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            self.send(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                clickCount=1,
                buttons=1,
            )

    def processor_seconds(self):
        """Processor time of all its processes so far: what it worked, however busy the machine."""
        session, self._session = self._session, None
        try:
            processes = self.send("SystemInfo.getProcessInfo")["processInfo"]
        finally:
            self._session = session
        return sum(process["cpuTime"] for process in processes)

    def picture(self, path, whole=True):
        """Save a screenshot, of the whole page or of what the window shows."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        """End the browser."""
        try:
            self._session = None
            self.send("Browser.close")
        finally:
            self._process.wait(20)
            os.close(self._up)
            os.close(self._answers)
