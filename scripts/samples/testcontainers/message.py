"""
One message through a hub that Testcontainers starts, in Python:

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python message.py

In a suite, `with make_hub()` belongs into a fixture of the session (pytest).
"""

import json
import os
import pathlib
import queue
import tempfile
import urllib.request

from azure.iot.device import IoTHubDeviceClient, Message
from azure.iot.hub import IoTHubRegistryManager
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

PATIENCE = 10  # seconds, for what takes milliseconds


def make_hub() -> DockerContainer:
    """As a context it is started, and ready, and stopped at the end."""
    hub = DockerContainer(os.environ.get("DEVICEBOUND_IMAGE", "devicebound"))
    hub.with_command("--in-memory").with_exposed_ports(8180)
    for port in (443, 5671, 8883):  # the SDKs know no others
        hub.with_bind_ports(port, port)
    return hub.waiting_for(HttpWaitStrategy(8180, "/readyz"))


class Control:
    """Its control API."""

    def __init__(self, hub: DockerContainer) -> None:
        self.url = f"http://{hub.get_container_host_ip()}:{hub.get_exposed_port(8180)}"

    def ask(self, route: str, method: str = "GET") -> bytes:
        body = b"{}" if method == "PUT" else None
        request = urllib.request.Request(self.url + route, method=method, data=body)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def service(self) -> str:
        policies = json.loads(self.ask("/control/v1/hub"))["policies"]
        # The registry's client opens with more than the right to send.
        return next(policy["connectionString"] for policy in policies if policy["name"] == "iothubowner")

    def device(self, device_id: str) -> str:
        return json.loads(self.ask(f"/control/v1/devices/{device_id}", "PUT"))["connectionString"]


def pass_message(service_string: str, device_string: str, ca_file: pathlib.Path) -> None:
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(ca_file)
    device = IoTHubDeviceClient.create_from_connection_string(
        device_string, server_verification_cert=ca_file.read_text())
    messages: queue.Queue[Message] = queue.Queue()
    device.on_message_received = messages.put
    device.connect()
    service = IoTHubRegistryManager.from_connection_string(service_string)
    service.send_c2d_message("lamp", "on")
    print(f"received: {messages.get(timeout=PATIENCE).data.decode()}")
    service.amqp_svc_client.disconnect_sync()
    device.shutdown()


def main() -> None:
    with make_hub() as hub, tempfile.TemporaryDirectory() as folder:
        control = Control(hub)
        ca_file = pathlib.Path(folder, "ca.pem")
        ca_file.write_bytes(control.ask("/ca.pem"))
        pass_message(control.service(), control.device("lamp"), ca_file)


if __name__ == "__main__":
    main()
