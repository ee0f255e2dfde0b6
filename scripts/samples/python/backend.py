"""
A back end that switches lamps, and learns from feedback what became of each command. As a program it
sends one command and says how it ended:

    export SSL_CERT_FILE=ca.pem REQUESTS_CA_BUNDLE=ca.pem    # for AMQP, and for REST
    SERVICE_CONNECTION_STRING='HostName=…;SharedAccessKeyName=iothubowner;SharedAccessKey=…' \
        python backend.py lamp on
"""

import os
import sys
import time
import uuid

from azure.iot.hub import IoTHubHttpRuntimeManager, IoTHubRegistryManager


class Backend:
    def __init__(self, connection_string):
        self.registry = IoTHubRegistryManager.from_connection_string(connection_string)
        self.runtime = IoTHubHttpRuntimeManager.from_connection_string(connection_string)
        self.outcomes = {}  # by message id

    def send(self, device_id, command):
        """Sends a command to a device, which need not be connected. Gives the message's id."""
        message_id = str(uuid.uuid4())
        self.registry.send_c2d_message(
            device_id, command, {"messageId": message_id, "iothub-ack": "full"})
        return message_id

    def outcome(self, message_id):
        """Success, Rejected, Expired, DeliveryCountExceeded or Purged: waits until it is known."""
        while message_id not in self.outcomes:
            if not self.receive_feedback():
                time.sleep(1)
        return self.outcomes.pop(message_id)

    def receive_feedback(self):
        """False: there is none. The SDK's own method of that name gives no answer; what it is made
        of does."""
        answer = self.runtime.protocol.cloud_to_device_messages.receive_feedback_notification(
            raw=True).response
        if answer.status_code == 204:
            return False
        for record in answer.json():
            self.outcomes[record["originalMessageId"]] = record["statusCode"]
        self.runtime.complete_feedback_notification(answer.headers["ETag"].strip('"'))
        return True

    def close(self):
        self.registry.amqp_svc_client.disconnect_sync()


def main(device_id, command):
    backend = Backend(os.environ["SERVICE_CONNECTION_STRING"])
    message_id = backend.send(device_id, command)
    print(f"backend: sent {command} to {device_id}")
    print(f"backend: {backend.outcome(message_id)}")
    backend.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
