import unittest

from clients import Device, Service
from harness import Hub


def setUpModule():
    global hub, service
    hub = Hub("127.0.60.6", on_disk=True, devices=[
        "returning", "reset", "closed", "renewing", "displaced", "handler", "early", "killed",
        "mute"])
    service = Service(hub)


def tearDownModule():
    service.close()
    hub.stop()


class Session(unittest.TestCase):
    """The SDK subscribes once in a client's life: the hub has to remember."""

    def subscriptions(self, device):
        return len(hub.journal(device=device, event="subscribed"))

    def test_what_waited_arrives_when_the_client_connects_again(self):
        device = Device.of(hub, "returning").connect().receive()
        service.send("returning", "before")
        self.assertEqual(device.next().data, b"before")
        device.client.disconnect()
        for text in ("one", "two"):
            service.send("returning", text)
        device.connect()
        self.assertEqual([device.next().data, device.next().data], [b"one", b"two"])
        self.assertEqual(self.subscriptions("returning"), 1)
        hub.wait("completed", count=3, device="returning")
        device.close()

    def comes_back(self, name, drop, **options):
        device = Device.of(hub, name, connection_retry=True, connection_retry_interval=1,
                           **options).connect().receive()
        self.assertTrue(device.states.take())
        drop()
        self.assertFalse(device.states.take())
        service.send(name, "while away")
        self.assertTrue(device.states.take())
        self.assertEqual(device.next().data, b"while away")
        device.close()

    def test_a_client_whose_connection_is_reset_comes_back_for_what_waited(self):
        self.comes_back("reset", lambda: hub.drop_connections("reset", "reset"))

    def test_a_client_whose_websocket_is_closed_comes_back_for_what_waited(self):
        self.comes_back("closed", lambda: hub.drop_connections("closed", "close"), websockets=True)

    def test_a_client_of_a_hub_that_is_killed_comes_back_for_what_waited(self):
        def restart():
            global service
            service.close()
            hub.restart()
            service = Service(hub)
        self.comes_back("killed", restart)
        self.assertEqual(self.subscriptions("killed"), 0)  # since the start

    def test_a_client_that_renews_its_token_goes_on_receiving(self):
        # The SDK renews two minutes before the end.
        device = Device.of(hub, "renewing", sastoken_ttl=122).connect().receive()
        for _ in range(3):  # connected, gone, back: perhaps before the SDK tells that it was gone
            device.states.take()
        self.assertTrue(device.client.connected)
        service.send("renewing", "to the new token")
        self.assertEqual(device.next().data, b"to the new token")
        self.assertEqual(self.subscriptions("renewing"), 1)
        device.close()

    def test_a_second_client_of_a_device_ends_the_first(self):
        first = Device.of(hub, "displaced").connect().receive()
        self.assertTrue(first.states.take())
        second = Device.of(hub, "displaced").connect().receive()
        self.assertFalse(first.states.take())
        service.send("displaced", "x")
        self.assertEqual(second.next().data, b"x")
        self.assertEqual(len(first.messages), 0)
        second.close()
        first.close()

    def test_a_new_client_with_its_handler_in_place_receives_what_waited(self):
        Device.of(hub, "handler").connect().receive().close()
        service.send("handler", "waited")
        device = Device.of(hub, "handler").receive()  # connects by itself
        self.assertEqual(device.next().data, b"waited")
        device.close()

    def test_what_waited_is_acknowledged_by_a_new_client_that_has_no_handler_yet(self):
        """As with IoT Hub: the stored subscription delivers at once, and the SDK may drop it."""
        Device.of(hub, "early").connect().receive().close()
        service.send("early", "waited", messageId="early")
        device = Device.of(hub, "early").connect()
        hub.wait("completed", messageId="early")
        device.close()

    def test_a_client_that_takes_its_handler_away_is_sent_nothing(self):
        device = Device.of(hub, "mute").connect().receive()
        device.client.on_message_received = None
        hub.wait("unsubscribed", device="mute")
        service.send("mute", "kept")
        self.assertEqual(hub.queue("mute"), {"enqueued": 1, "invisible": 0})
        device.close()


if __name__ == "__main__":
    unittest.main()
