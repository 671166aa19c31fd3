"""A headless Chromium by WebDriver, with nothing but the standard library."""
import base64
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    """One window. Everything waits by asking again, until a deadline."""

    def __init__(self, profile, size=(1280, 900)):
        self.port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}", "--log-level=OFF"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        self.session = None
        arguments = [
            "--headless=new", "--no-sandbox", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--disable-default-apps",
            "--disable-extensions", "--mute-audio",
            f"--window-size={size[0]},{size[1]}",
            f"--user-data-dir={profile}",
        ]
        answer = self.until(20, lambda: self.call("POST", "/session", {
            "capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {
                    "binary": "/usr/bin/chromium", "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL",
                                      "performance": "ALL"},
            }}}), "chromedriver answers")
        self.session = answer["sessionId"]

    def close(self):
        try:
            if self.session:
                self.call("DELETE", f"/session/{self.session}")
        except (OSError, Failed):
            pass
        os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.wait()

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Failed(json.load(error)["value"]["message"]) from None

    def do(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def go(self, url):
        self.do("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a script's return."""
        return self.do("POST", "/execute/sync",
                       {"script": script, "args": list(arguments)})

    def text(self, css="body"):
        return self.run("""
            const found = document.querySelector(arguments[0]);
            return found?.innerText ?? found?.textContent ?? ''""", css)

    def click(self, css, containing=""):
        if not self.run("""
            const found = [...document.querySelectorAll(arguments[0])].find(
                one => one.textContent.includes(arguments[1]));
            found?.focus();
            found?.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true, view: window})); return Boolean(found)""",
                        css, containing):
            raise Failed(f"nothing to click: {css} {containing!r}")

    def type(self, css, text):
        self.run("""
            const field = document.querySelector(arguments[0]);
            field.value = arguments[1];
            field.dispatchEvent(new Event('input', {bubbles: true}));
            field.dispatchEvent(new Event('change', {bubbles: true}))""",
                 css, text)

    def key(self, value):
        self.do("POST", "/actions", {"actions": [
            {"type": "key", "id": "keyboard", "actions": [
                {"type": "keyDown", "value": value},
                {"type": "keyUp", "value": value}]}]})

    def logs(self, kind):
        return self.do("POST", "/se/log", {"type": kind})

    def screenshot(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.do("GET", "/screenshot")))

    @staticmethod
    def until(seconds, ask, what):
        end = time.monotonic() + seconds
        last = None
        while time.monotonic() < end:
            try:
                value = ask()
                if value:
                    return value
            except (OSError, Failed) as error:
                last = error
            time.sleep(0.05)
        raise Failed(f"not within {seconds} s: {what} ({last})")
