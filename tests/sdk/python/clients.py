"""
The SDKs' clients, unmodified, with their events gathered so that a test can wait for each.

How each learns of a private CA, which is also the way for users:

    device SDK          server_verification_cert=<text of ca.pem> when a client is created
    service SDK, REST   the environment variable REQUESTS_CA_BUNDLE=<file>, read at each request
    service SDK, AMQP   the environment variable SSL_CERT_FILE=<file>, read at each connection

The service SDK has no argument for it, and needs both: its uamqp trusts certifi's bundle and what
OpenSSL's own variables name. Without the second, sending ends after ten seconds with TimeoutError
("Authorization timeout"). SSL_CERT_FILE serves the device SDK too when it is given no certificate.
"""

import os
import pathlib
import subprocess

from azure.iot.device import IoTHubDeviceClient, X509
from azure.iot.hub import IoTHubHttpRuntimeManager, IoTHubRegistryManager
from uamqp import TransportType

from harness import Mailbag

AMQP = TransportType.Amqp
AMQP_WS = TransportType.AmqpOverWebsocket


def trust(hub):
    """Makes service clients of this process trust the hub's CA."""
    os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = hub.ca_file


def device_options(hub, **more):
    options = {
        "server_verification_cert": pathlib.Path(hub.ca_file).read_text(),
        "connection_retry": False,
    }
    return {**options, **more}


class Device:
    """A device client, not connected yet. `options` are the SDK's."""

    def __init__(self, client):
        self.client = client
        self.messages = Mailbag("a message on the device")
        self.errors = Mailbag("an error in the device client")
        self.states = Mailbag("the device to be connected or disconnected")
        client.on_background_exception = self.errors.put
        # What it is when the handler runs, which a fast reconnection may have overtaken.
        client.on_connection_state_change = lambda: self.states.put(client.connected)

    @classmethod
    def of(cls, hub, device, key=None, **options):
        return cls(IoTHubDeviceClient.create_from_connection_string(
            hub.device_connection_string(device, key), **device_options(hub, **options)))

    @classmethod
    def of_certificate(cls, hub, device, certificate, **options):
        x509 = X509(cert_file=certificate.chain, key_file=certificate.key)
        return cls(IoTHubDeviceClient.create_from_x509_certificate(
            x509=x509, hostname=hub.address, device_id=device, **device_options(hub, **options)))

    def connect(self):
        self.client.connect()
        return self

    def receive(self):
        """Subscribes; returns once the hub has granted it."""
        self.client.on_message_received = self.messages.put
        return self

    def next(self):
        return self.messages.take()

    def close(self):
        self.client.shutdown()


class Service:
    """The service client: registry over REST, messages over AMQP, feedback over REST."""

    def __init__(self, hub, connection_string=None, transport=AMQP):
        trust(hub)
        connection_string = connection_string or hub.service_connection_string()
        self.registry = IoTHubRegistryManager.from_connection_string(connection_string, transport)
        self.runtime = IoTHubHttpRuntimeManager.from_connection_string(connection_string)

    def send(self, device, body, **properties):
        """The SDK takes system properties among the application's, under names of its own."""
        self.registry.send_c2d_message(device, body, properties)

    def purge(self, device):
        """Not among the SDK's conveniences, but in the client that it generates from the API."""
        return self.registry.protocol.cloud_to_device_messages.purge_cloud_to_device_message_queue(
            device)

    def feedback(self):
        """A batch and its lock token, or None. The SDK's convenience throws the answer away."""
        answer = self.runtime.protocol.cloud_to_device_messages.receive_feedback_notification(
            raw=True).response
        if answer.status_code == 204:
            return None
        return answer.json(), answer.headers["ETag"].strip('"')

    def close(self):
        self.registry.amqp_svc_client.disconnect_sync()
        for manager in (self.registry, self.runtime):
            manager.protocol.close()


class Certificate:
    """A certificate made with openssl, in `directory`: self-signed, or signed by `issuer`."""

    def __init__(self, directory, name, issuer=None, is_ca=False):
        base = pathlib.Path(directory) / name
        self.key, self.file, self.chain = f"{base}.key", f"{base}.pem", f"{base}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                   "-addext", f"basicConstraints=critical,CA:{str(is_ca).upper()}",
                   "-keyout", self.key, "-out", self.file]
        if issuer:
            command += ["-CA", issuer.file, "-CAkey", issuer.key]
        subprocess.run(command, check=True, capture_output=True)

    def thumbprint(self, digest="sha1"):
        line = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", f"-{digest}",
                               "-in", self.file], check=True, capture_output=True, text=True)
        return line.stdout.strip().split("=")[1].replace(":", "")
