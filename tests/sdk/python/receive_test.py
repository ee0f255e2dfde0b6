import asyncio
import unittest

from azure.iot.device.aio import IoTHubDeviceClient as AsynchronousClient

from clients import AMQP_WS, Certificate, Device, Service, device_options
from harness import Hub, Mailbag

LARGEST = 65536 - 256  # leaves room for the properties, which count too


def setUpModule():
    global hub, service
    hub = Hub("127.0.60.2")
    service = Service(hub)


def tearDownModule():
    service.close()
    hub.stop()


class Receiving:
    """What arrives, by whichever transport: a connected device `d`, subscribed."""

    name = None

    @classmethod
    def setUpClass(cls):
        cls.device = cls.make().connect().receive()

    @classmethod
    def tearDownClass(cls):
        cls.device.close()

    def test_a_message_arrives_with_its_body(self):
        service.send(self.name, "hello")
        self.assertEqual(self.device.next().data, b"hello")

    def test_system_properties_arrive(self):
        service.send(self.name, "{}", messageId="m-1", correlationId="c-1", contentType="application/json",
                     contentEncoding="utf-8", **{"iothub-ack": "none"})
        message = self.device.next()
        self.assertEqual(
            (message.message_id, message.correlation_id, message.content_type,
             message.content_encoding, message.ack),
            ("m-1", "c-1", "application/json", "utf-8", "none"))
        self.assertEqual(message.custom_properties, {})

    def test_application_properties_arrive_in_their_order(self):
        service.send(self.name, "x", zebra="1", apple="2", mango="3")
        self.assertEqual(list(self.device.next().custom_properties.items()),
                         [("zebra", "1"), ("apple", "2"), ("mango", "3")])

    def test_reserved_characters_and_unicode_arrive_as_they_were(self):
        properties = {"&ey1": "=al1", "K/y2": "V@l2", "Ke?3": "Va%3", "sp ace": "a+b c", "é": "日本 ✓ 𝄞",
                      "plus+": "#%2F", "it's": "(all) of! it*~"}
        service.send(self.name, "zażółć 🚀", messageId="MessageId*7%?",
                     correlationId="Correlation#E2E7", **properties)
        message = self.device.next()
        self.assertEqual(message.data.decode(), "zażółć 🚀")
        self.assertEqual((message.message_id, message.correlation_id),
                         ("MessageId*7%?", "Correlation#E2E7"))
        self.assertEqual(message.custom_properties, properties)

    def test_an_empty_property_value_stays_empty(self):
        service.send(self.name, "x", empty="")
        self.assertEqual(self.device.next().custom_properties, {"empty": ""})

    def test_an_expiry_arrives_as_seven_digits_of_utc(self):
        service.send(self.name, "x", expiryTimeUtc=32503680000123)
        self.assertEqual(self.device.next().expiry_time_utc, "3000-01-01T00:00:00.1230000Z")

    def test_numbers_and_truths_arrive_as_text(self):
        service.send(self.name, "x", number=5, true=True, false=False, real=0.5)
        self.assertEqual(self.device.next().custom_properties,
                         {"number": "5", "true": "true", "false": "false", "real": "0.5"})

    def test_an_empty_body_arrives(self):
        service.send(self.name, "", messageId="empty")
        message = self.device.next()
        self.assertEqual((message.message_id, message.data), ("empty", b""))

    def test_64_kb_arrive(self):
        body = "0123456789abcdef" * (LARGEST // 16)
        service.send(self.name, body)
        self.assertEqual(self.device.next().data.decode(), body)

    def test_messages_arrive_in_the_order_they_were_sent(self):
        for i in range(30):
            service.send(self.name, str(i))
        self.assertEqual([int(self.device.next().data) for _ in range(30)], list(range(30)))

    def test_the_acknowledgement_completes_the_message(self):
        identifier = f"complete-{self.name}"
        service.send(self.name, "x", messageId=identifier)
        self.device.next()
        done = hub.wait("completed", messageId=identifier)
        self.assertEqual((done["device"], done["protocol"]), (self.name, self.protocol))
        self.assertEqual(hub.queue(self.name), {"enqueued": 0, "invisible": 0})


class OverMqtt(Receiving, unittest.TestCase):
    name, protocol = "by-mqtt", "mqtt"

    @classmethod
    def make(cls):
        device = service.registry.create_device_with_sas(cls.name, "", "", "enabled")
        return Device.of(hub, cls.name, device.authentication.symmetric_key.primary_key)


class OverWebSocket(Receiving, unittest.TestCase):
    name, protocol = "by-websocket", "mqttWs"

    @classmethod
    def make(cls):
        device = service.registry.create_device_with_sas(cls.name, "", "", "enabled")
        return Device.of(hub, cls.name, device.authentication.symmetric_key.secondary_key,
                         websockets=True)


class WithACertificate(Receiving, unittest.TestCase):
    name, protocol = "by-certificate", "mqtt"
    options = {}

    @classmethod
    def make(cls):
        certificate = Certificate(hub.directory, cls.name)
        service.registry.create_device_with_x509(
            cls.name, certificate.thumbprint(), certificate.thumbprint("sha256"), "enabled")
        return Device.of_certificate(hub, cls.name, certificate, **cls.options)


class WithACertificateOverWebSocket(WithACertificate):
    name, protocol = "by-certificate-websocket", "mqttWs"
    options = {"websockets": True}


class ServiceOverWebSocket(Receiving, unittest.TestCase):
    """The same from a service that sends over WebSocket."""

    name, protocol = "from-websocket", "mqtt"

    @classmethod
    def setUpClass(cls):
        global service
        cls.usual, service = service, Service(hub, transport=AMQP_WS)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        global service
        super().tearDownClass()
        service.close()
        service = cls.usual

    @classmethod
    def make(cls):
        device = service.registry.create_device_with_sas(cls.name, "", "", "enabled")
        return Device.of(hub, cls.name, device.authentication.symmetric_key.primary_key)


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_the_client_for_asyncio_receives(self):
        device = service.registry.create_device_with_sas("asynchronous", "", "", "enabled")
        client = AsynchronousClient.create_from_connection_string(
            hub.device_connection_string("asynchronous", device.authentication.symmetric_key.primary_key),
            **device_options(hub))
        messages = Mailbag("a message on the device")
        await client.connect()
        client.on_message_received = messages.put  # called in a thread of the SDK's
        await asyncio.to_thread(hub.wait, "subscribed", device="asynchronous")
        await asyncio.to_thread(service.send, "asynchronous", "hello")
        self.assertEqual((await asyncio.to_thread(messages.take)).data, b"hello")
        await client.shutdown()


if __name__ == "__main__":
    unittest.main()
