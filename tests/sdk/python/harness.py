"""
A devicebound process for one test file: started on a loopback address of its own, stopped by its
process id, its exit code asserted.

tests/sdk/run makes one CA for the whole run and names its directory in DEVICEBOUND_TEST_CA; every hub
here starts with a copy of it, or makes one of its own when there is none.
"""

import atexit
import base64
import collections
import hashlib
import hmac
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
POLICY_KEY = base64.b64encode(b"policy key of the SDK test suite").decode()
PATIENCE = 15  # seconds, for anything that should take milliseconds, on a busy machine


def binary():
    """The binary under test: DEVICEBOUND_BINARY, else that of the preset in DEVICEBOUND_PRESET."""
    preset = os.environ.get("DEVICEBOUND_PRESET", "release")
    found = os.environ.get("DEVICEBOUND_BINARY", ROOT / "build" / preset / "devicebound")
    assert os.path.isfile(found), f"no devicebound binary at {found}; set DEVICEBOUND_BINARY"
    return str(found)


def key_of(name):
    return base64.b64encode(hashlib.sha256(f"device key of {name}".encode()).digest()).decode()


def sas_token(resource, key, seconds):
    """A token of `seconds` from now for `resource`, which goes into it encoded."""
    resource = urllib.parse.quote(resource, safe="")
    expiry = int(time.time()) + seconds
    signature = hmac.digest(base64.b64decode(key), f"{resource}\n{expiry}".encode(), "sha256")
    encoded = urllib.parse.quote(base64.b64encode(signature), safe="")
    return f"SharedAccessSignature sr={resource}&sig={encoded}&se={expiry}"


def eventually(probe, what, seconds=PATIENCE):
    """Asks `probe` until it answers something true."""
    end = time.monotonic() + seconds
    pause = 0.001
    while True:
        answer = probe()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


class Mailbag:
    """Items that arrive whenever they like, and are asked for one by one."""

    def __init__(self, what):
        self.what = what
        self.items = queue.Queue()
        self.put = self.items.put

    def take(self, seconds=PATIENCE):
        try:
            return self.items.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"waited {seconds} s for {self.what}") from None

    def __len__(self):
        return self.items.qsize()


class Hub:
    """
    address  loopback address of this suite; the ports are those that the SDKs insist on
    devices  ids of devices that exist at start
    options  further command line options
    on_disk  True: keeps its database over restart()
    """

    def __init__(self, address, devices=(), options=(), on_disk=False):
        self.address = address
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="devicebound-test-"))
        authority = os.environ.get("DEVICEBOUND_TEST_CA")
        for file in ("ca.pem", "ca.key") if authority else ():
            shutil.copyfile(pathlib.Path(authority) / file, self.directory / file)
            (self.directory / file).chmod(0o600)
        self.command = [binary(), "--bind", address, "--hostname", address, "--control-port", "0",
                        "--data-dir", str(self.directory), "--shared-access-key", POLICY_KEY]
        self.command += [] if on_disk else ["--in-memory"]
        for device in devices:
            self.command += ["--device", f"{device}={key_of(device)}"]
        self.command += options
        self.log = collections.deque(maxlen=1000)
        self._launch()

    def _launch(self):
        """Starts the process and waits for its ready line."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # a test file that breaks off leaves nothing behind
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,),
                                       daemon=True)
        self.reader.start()
        line = self.process.stdout.readline()
        if not line.startswith("devicebound ready "):
            self.process.kill()
            raise AssertionError(f"no ready line but {line!r}\n{self._end()}")
        self.control = f"http://{self.address}:{re.search(r'control=([0-9]+)', line)[1]}"

    def _end(self):
        """Waits for the end. Gives the log."""
        self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        atexit.unregister(self.process.kill)
        return "".join(self.log)

    def stop(self):
        """Ends it as an operator would."""
        self.process.terminate()
        log = self._end()
        shutil.rmtree(self.directory, ignore_errors=True)
        assert self.process.returncode == 0, log

    def restart(self):
        """Kills it and starts it again on the same data."""
        self.process.kill()
        self._end()
        self._launch()

    @property
    def ca_file(self):
        return str(self.directory / "ca.pem")

    def service_connection_string(self, policy="iothubowner", key=POLICY_KEY):
        return f"HostName={self.address};SharedAccessKeyName={policy};SharedAccessKey={key}"

    def device_connection_string(self, device, key=None):
        return f"HostName={self.address};DeviceId={device};SharedAccessKey={key or key_of(device)}"

    def ask(self, method, route, body=None, **query):
        """Asks the control API. Gives the status and the decoded answer."""
        route += "?" + urllib.parse.urlencode(query) if query else ""
        request = urllib.request.Request(
            self.control + route, method=method, headers={"content-type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE + 15) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read())

    def do(self, method, route, body=None, **query):
        """Asks the control API for what it must not refuse."""
        status, answer = self.ask(method, route, body, **query)
        assert status < 300, f"{method} {route}: {status} {answer}"
        return answer

    def wait(self, event, count=1, after=0, **query):
        """The entries of the journal, as soon as there are `count` of this event."""
        entries = self.do("GET", "/control/v1/wait", event=event, count=count, after=after,
                          timeout=f"PT{PATIENCE}S", **query)["entries"]
        return entries if count > 1 else entries[0]

    def journal(self, **query):
        return self.do("GET", "/control/v1/journal", limit=1000, **query)["items"]

    def advance(self, by):
        """Moves the hub's clock; what fell due has run when this returns."""
        self.do("POST", "/control/v1/clock/advance", {"by": by})

    def flush_feedback(self):
        self.do("POST", "/control/v1/feedback/flush")

    def queue(self, device):
        return self.do("GET", f"/control/v1/devices/{urllib.parse.quote(device, safe='')}")["queue"]

    def send(self, device, body, **fields):
        """Sends a message by the control API, for tests of what comes after."""
        self.do("POST", f"/control/v1/devices/{urllib.parse.quote(device, safe='')}/messages",
                {"body": body, **fields})

    def drop_connections(self, device, how="close"):
        for connection in self.do("GET", "/control/v1/connections")["items"]:
            if connection["identity"] == device:
                self.do("DELETE", f"/control/v1/connections/{connection['id']}", how=how)
