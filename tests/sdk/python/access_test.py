import os
import pathlib
import tempfile
import unittest
from unittest import mock

from azure.iot.device import IoTHubDeviceClient
from azure.iot.device.exceptions import ClientError, ConnectionFailedError, CredentialError

from clients import Certificate, Device, Service, device_options
from harness import Hub, key_of, sas_token


def setUpModule():
    global hub, service, authority, directory
    directory = tempfile.TemporaryDirectory()
    authority = Certificate(directory.name, "device authority", is_ca=True)
    hub = Hub("127.0.60.7", options=["--device-ca", authority.file], devices=[
        "d", "other", "disabled", "disabled-later", "deleted", "tokened", "dev-100%@home", "trusting"])
    service = Service(hub)
    service.registry.create_device_with_certificate_authority("chained", "enabled")


def tearDownModule():
    service.close()
    hub.stop()
    directory.cleanup()


def set_status(device, status):
    service.registry.update_device_with_sas(device, None, key_of(device), key_of(device), status)


class Openings:
    def refused(self, error, device):
        with self.assertRaises(error):
            device.connect()
        device.close()

    def accepted(self, device):
        device.connect()
        self.assertTrue(device.client.connected)
        device.close()


class Access(Openings, unittest.TestCase):
    def test_a_wrong_key_is_a_credential_error(self):
        for websockets in (False, True):
            self.refused(CredentialError, Device.of(hub, "d", key_of("stranger"), websockets=websockets))
        self.refused(CredentialError, Device.of(hub, "d", key_of("other")))

    def test_an_unknown_device_is_a_credential_error(self):
        self.refused(CredentialError, Device.of(hub, "nobody"))

    def test_a_refusal_leaves_the_connected_client_alone(self):
        device = Device.of(hub, "d").connect()
        self.refused(CredentialError, Device.of(hub, "d", key_of("stranger")))
        self.assertTrue(device.client.connected)
        device.close()

    def test_a_disabled_device_fails_to_connect_until_it_is_enabled(self):
        set_status("disabled", "disabled")
        self.refused(ConnectionFailedError, Device.of(hub, "disabled"))
        set_status("disabled", "enabled")
        self.accepted(Device.of(hub, "disabled"))

    def test_disabling_and_deleting_a_device_end_its_connection(self):
        for name, end in (("disabled-later", lambda: set_status("disabled-later", "disabled")),
                          ("deleted", lambda: service.registry.delete_device("deleted"))):
            device = Device.of(hub, name).connect()
            self.assertTrue(device.states.take())
            end()
            self.assertFalse(device.states.take(), name)
            device.close()

    def test_a_token_in_place_of_the_key_opens_the_device(self):
        token = sas_token(f"{hub.address}/devices/tokened", key_of("tokened"), 3600)
        self.accepted(Device(IoTHubDeviceClient.create_from_sastoken(token, **device_options(hub))))

    def test_an_id_of_reserved_characters_opens_the_device(self):
        device = Device.of(hub, "dev-100%@home").connect()
        self.assertTrue(device.client.connected)
        device.client.send_message("x")
        device.close()


class Certificates(Openings, unittest.TestCase):
    def device(self, name, certificate):
        return Device.of_certificate(hub, name, certificate)

    def test_either_thumbprint_opens_the_device_and_no_other(self):
        first, second, third = (Certificate(directory.name, f"printed-{i}") for i in range(3))
        service.registry.create_device_with_x509(
            "printed", first.thumbprint(), second.thumbprint("sha256"), "enabled")
        self.accepted(self.device("printed", first))
        self.accepted(self.device("printed", second))
        self.refused(CredentialError, self.device("printed", third))

    def test_a_device_with_keys_is_not_opened_by_a_certificate_nor_the_reverse(self):
        certificate = Certificate(directory.name, "crossed")
        service.registry.create_device_with_x509(
            "crossed", certificate.thumbprint(), certificate.thumbprint(), "enabled")
        self.refused(CredentialError, self.device("d", certificate))
        self.refused(CredentialError, Device.of(hub, "crossed"))

    def test_a_chain_to_a_registered_authority_opens_the_device_of_its_name(self):
        self.accepted(self.device("chained", Certificate(directory.name, "chained", authority)))
        self.refused(CredentialError,
                     self.device("chained", Certificate(directory.name, "d", authority)))
        stranger = Certificate(directory.name, "strange authority", is_ca=True)
        self.refused(CredentialError,
                     self.device("chained", Certificate(directory.name, "chained", stranger)))


class Trust(unittest.TestCase):
    """Each SDK learns of the CA in its way (clients.py), and needs to."""

    def test_the_device_sdk_trusts_the_certificate_it_is_given_and_no_other(self):
        other = pathlib.Path(Certificate(directory.name, "other CA", is_ca=True).file).read_text()
        device = Device.of(hub, "trusting", server_verification_cert=other)
        with self.assertRaises(ClientError):
            device.connect()
        device.close()

    def test_the_device_sdk_trusts_the_file_of_the_environment(self):
        with mock.patch.dict(os.environ, SSL_CERT_FILE=hub.ca_file):
            Device.of(hub, "trusting", server_verification_cert=None).connect().close()

    def test_the_service_sdk_needs_the_bundle_of_requests_for_rest(self):
        stranger = Service(hub)
        with mock.patch.dict(os.environ):
            del os.environ["REQUESTS_CA_BUNDLE"]
            with self.assertRaises(Exception) as caught:
                stranger.registry.get_device("d")
        self.assertIn("CERTIFICATE_VERIFY_FAILED", str(caught.exception))
        stranger.close()


if __name__ == "__main__":
    unittest.main()
