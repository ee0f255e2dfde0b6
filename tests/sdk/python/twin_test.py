import unittest

from azure.iot.device import Message

from clients import Device, Service
from harness import Hub


def setUpModule():
    global hub, service
    hub = Hub("127.0.60.8", devices=["twin", "twin-ws", "telemetry", "telemetry-ws", "methods", "refused"])
    service = Service(hub)


def tearDownModule():
    service.close()
    hub.stop()


class Twin(unittest.TestCase):
    """What the SDK does besides messages, as far as it needs the hub for it."""

    def reports(self, name, **options):
        device = Device.of(hub, name, **options).connect()
        self.assertEqual(device.client.get_twin(),
                         {"desired": {"$version": 1}, "reported": {"$version": 1}})
        device.client.patch_twin_reported_properties({"colour": "żółty", "deep": {"a": 1, "b": [1, 2]}})
        device.client.patch_twin_reported_properties({"deep": {"a": None, "c": True}})
        reported = device.client.get_twin()["reported"]
        self.assertEqual(reported, {"colour": "żółty", "deep": {"b": [1, 2], "c": True}, "$version": 3})
        device.close()

    def test_reported_properties_are_merged_and_read(self):
        self.reports("twin")

    def test_the_same_over_websocket(self):
        self.reports("twin-ws", websockets=True)

    def test_a_client_listens_to_desired_properties_and_methods(self):
        device = Device.of(hub, "methods").connect()
        device.client.on_twin_desired_properties_patch_received = print
        device.client.on_method_request_received = print
        filters = [entry["reason"] for entry in hub.wait("subscribed", count=2, device="methods")]
        self.assertEqual(filters, ["$iothub/twin/PATCH/properties/desired/#", "$iothub/methods/POST/#"])
        self.assertTrue(device.client.connected)
        device.close()


class Telemetry(unittest.TestCase):
    def sends(self, name, protocol, **options):
        device = Device.of(hub, name, **options).connect()
        device.client.send_message("plain")
        message = Message("é" * 1000, message_id="t-1", content_encoding="utf-8",
                          content_type="application/json")
        message.correlation_id = "c/1 &="
        message.custom_properties = {"a b": "c=d&e", "é": "日本"}
        device.client.send_message(message)
        device.client.send_message(Message(b"\x00" * 200000, message_id="t-2"))
        device.client.send_message("")
        entries = hub.wait("telemetry", count=4, device=name)
        self.assertEqual([entry.get("messageId") for entry in entries], [None, "t-1", "t-2", None])
        self.assertEqual({entry["protocol"] for entry in entries}, {protocol})
        self.assertTrue(device.client.connected)
        device.close()

    def test_telemetry_is_acknowledged(self):
        self.sends("telemetry", "mqtt")

    def test_telemetry_over_websocket_is_acknowledged(self):
        self.sends("telemetry-ws", "mqttWs", websockets=True)

    def test_telemetry_that_is_too_large_never_leaves_the_sdk(self):
        device = Device.of(hub, "refused").connect()
        with self.assertRaises(ValueError):
            device.client.send_message(Message(b"x" * 262145))
        self.assertTrue(device.client.connected)
        device.close()


if __name__ == "__main__":
    unittest.main()
