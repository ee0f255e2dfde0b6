"""
A hub for a test run: started in milliseconds, in memory, gone with the tests. Its settings are
environment variables (DEVICEBOUND_…).
"""

import json
import os
import re
import subprocess
import urllib.parse
import urllib.request


class Hub:
    """Clients may come as soon as it is made: the hub says so in its first line."""

    def __init__(self, data_dir):
        self.ca_file = str(data_dir / "ca.pem")
        self.process = subprocess.Popen(
            [os.environ.get("DEVICEBOUND", "devicebound"), "--in-memory", "--control-port", "0",
             "--data-dir", data_dir], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        ready = re.match(r"devicebound ready .*control=(\d+) hostname=(\S+)", line)
        if not ready:
            raise RuntimeError("the hub did not start; it has said why")
        self.url = f"http://{ready[2]}:{ready[1]}"

    def stop(self):
        self.process.terminate()
        self.process.communicate()

    def ask(self, method, path, body=None):
        """Asks the control API. Gives the answer, decoded."""
        request = urllib.request.Request(
            self.url + path, method=method, headers={"content-type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request) as response:
            text = response.read()
            return json.loads(text) if text else None

    def service_connection_string(self):
        policies = self.ask("GET", "/control/v1/hub")["policies"]
        return next(policy["connectionString"] for policy in policies if policy["name"] == "iothubowner")

    def device(self, device_id):
        """A device of that id, new if there is none. Gives its connection string."""
        return self.ask("PUT", f"/control/v1/devices/{device_id}", {})["connectionString"]

    def receive(self, device_id):
        """Takes the next message as a device that then says nothing more."""
        return self.ask("POST", f"/control/v1/devices/{device_id}/receive")

    def wait(self, **what):
        """Returns once this has happened, also if it has already: device, messageId, event."""
        return self.ask("GET", "/control/v1/wait?" + urllib.parse.urlencode(what))

    def advance(self, by):
        """Moves its clock. What falls due until then has happened when this returns."""
        self.ask("POST", "/control/v1/clock/advance", {"by": by})

    def flush_feedback(self):
        """Feedback would come up to 15 seconds after the fact."""
        self.ask("POST", "/control/v1/feedback/flush")
