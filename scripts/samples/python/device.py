"""
A device: a lamp that is switched by cloud-to-device messages, over MQTT. As a program it runs until
it is stopped:

    DEVICE_CONNECTION_STRING='HostName=…;DeviceId=lamp;SharedAccessKey=…' CA_FILE=ca.pem python device.py
"""

import os
import pathlib
import queue
import threading

from azure.iot.device import IoTHubDeviceClient


class Lamp:
    """Connected, and obedient, once it is made."""

    def __init__(self, connection_string, ca_file):
        self.commands: queue.Queue[str] = queue.Queue()  # those that it has obeyed
        self.is_on = False
        self.client = IoTHubDeviceClient.create_from_connection_string(
            connection_string, server_verification_cert=pathlib.Path(ca_file).read_text())
        self.connect()
        self.client.on_message_received = self.obey

    def connect(self):
        self.client.connect()

    def disconnect(self):
        """The hub keeps its subscription, and what is sent to it meanwhile."""
        self.client.disconnect()

    def obey(self, message):
        """Over MQTT the SDK completes every message as it comes: none is rejected, or put off."""
        command = message.data.decode()
        if command in ("on", "off"):
            self.is_on = command == "on"
        print(f"lamp: {command}")
        self.commands.put(command)

    def close(self):
        self.client.shutdown()


if __name__ == "__main__":
    Lamp(os.environ["DEVICE_CONNECTION_STRING"], os.environ["CA_FILE"])
    print("lamp: connected")
    threading.Event().wait()
