import unittest

from uamqp.errors import LinkDetach, TokenAuthFailure

from clients import AMQP_WS, Service
from harness import Hub, key_of

DEPTH = 50
KB_64 = 65536


def setUpModule():
    global hub, service
    hub = Hub("127.0.60.4", devices=["filled", "large", "expired", "once", "d"])
    service = Service(hub)


def tearDownModule():
    service.close()
    hub.stop()


class Send(unittest.TestCase):
    def refused(self, reason, device, body="x", sender=None, **properties):
        """The SDK has one error for all; the journal has the hub's reason."""
        before = hub.journal()[-1]["id"]
        with self.assertRaisesRegex(Exception, "^C2D message send failure$"):
            (sender or service).send(device, body, **properties)
        self.assertEqual(hub.wait("sendRefused", after=before)["reason"], reason)

    def test_a_message_to_an_unknown_device_is_refused(self):
        self.refused("DeviceNotFound", "nobody")

    def test_the_51st_message_is_refused_until_one_is_gone(self):
        for i in range(DEPTH):
            service.send("filled", str(i))
        self.refused("DeviceMaximumQueueDepthExceeded", "filled")
        self.assertEqual(hub.queue("filled")["enqueued"], DEPTH)
        service.purge("filled")
        service.send("filled", "again")

    def test_more_than_64_kb_are_refused(self):
        self.refused("MessageTooLarge", "large", "x" * (KB_64 + 1))
        service.send("large", "x" * (KB_64 - 256))

    def test_an_expiry_in_the_past_is_refused(self):
        self.refused("InvalidMessageExpiryTime", "expired", expiryTimeUtc=1000)

    def test_a_refusal_leaves_the_connection_as_it_was(self):
        self.refused("DeviceNotFound", "nobody")
        service.send("once", "x")
        self.assertEqual(hub.queue("once")["enqueued"], 1)

    def stranger_fails(self, error, text, connection_string):
        stranger = Service(hub, connection_string)
        with self.assertRaisesRegex(error, text):
            stranger.send("d", "x")
        stranger.close()
        self.assertEqual(hub.queue("d")["enqueued"], 0)

    def test_a_wrong_key_fails_with_the_token(self):
        self.stranger_fails(TokenAuthFailure, "401(.|\n)*invalid signature",
                            hub.service_connection_string(key=key_of("stranger")))

    def test_an_unknown_policy_fails_with_the_token(self):
        self.stranger_fails(TokenAuthFailure, "401", hub.service_connection_string("nopolicy"))

    def test_a_policy_without_the_right_fails_with_the_link(self):
        for policy in ("registryRead", "device"):
            self.stranger_fails(LinkDetach, "UnauthorizedAccess.*401002",
                                hub.service_connection_string(policy))

    def test_the_same_is_refused_over_websocket(self):
        sender = Service(hub, transport=AMQP_WS)
        self.refused("DeviceNotFound", "nobody", sender=sender)
        sender.close()


if __name__ == "__main__":
    unittest.main()
