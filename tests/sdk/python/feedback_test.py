import unittest

from msrest.exceptions import HttpOperationError

from clients import Device, Service
from harness import Hub, eventually


def setUpModule():
    global hub, service
    hub = Hub("127.0.60.5", devices=["d", "expires", "old"])
    service = Service(hub)


def tearDownModule():
    service.close()
    hub.stop()


class Feedback(unittest.TestCase):
    """The service SDK has no AMQP receiver of feedback; it asks over REST."""

    def record(self, message):
        """The record of that message; the batches before and with it are completed."""
        def find():
            hub.flush_feedback()
            batch = service.feedback()
            if batch:
                service.runtime.complete_feedback_notification(batch[1])
            return [r for r in batch[0] if r["originalMessageId"] == message] if batch else None
        return eventually(find, f"feedback about {message}")[0]

    def test_a_message_that_the_device_took_is_a_success(self):
        device = Device.of(hub, "d").connect().receive()
        service.send("d", "x", messageId="taken", **{"iothub-ack": "full"})
        device.next()
        hub.wait("completed", messageId="taken")
        record = self.record("taken")
        self.assertEqual((record["deviceId"], record["statusCode"], record["description"]),
                         ("d", "Success", "Success"))
        device.close()

    def test_a_message_that_ran_out_of_time_is_expired(self):
        service.send("expires", "x", messageId="expired", **{"iothub-ack": "negative"})
        hub.advance("PT61M")
        self.assertEqual(self.record("expired")["statusCode"], "Expired")

    def test_a_message_older_than_the_first_subscription_is_rejected(self):
        service.send("old", "x", messageId="older", **{"iothub-ack": "full"})
        hub.advance("PT1S")
        device = Device.of(hub, "old").connect().receive()
        self.assertEqual(self.record("older")["statusCode"], "Rejected")
        self.assertEqual(len(device.messages), 0)
        device.close()

    def test_a_batch_is_locked_abandoned_and_completed(self):
        service.send("d", "x", messageId="locked", **{"iothub-ack": "full"})
        service.purge("d")
        hub.flush_feedback()
        records, token = service.feedback()
        self.assertEqual(records[0]["statusCode"], "Purged")
        self.assertIsNone(service.feedback())
        service.runtime.abandon_feedback_notification(token)
        again, another = service.feedback()
        self.assertEqual(again, records)
        service.runtime.complete_feedback_notification(another)
        with self.assertRaises(HttpOperationError) as caught:
            service.runtime.complete_feedback_notification(another)
        self.assertEqual(caught.exception.response.status_code, 412)
        self.assertIsNone(service.feedback())


if __name__ == "__main__":
    unittest.main()
