import unittest

from azure.iot.hub.models import AuthenticationMechanism, ExportImportDevice, SymmetricKey
from msrest.exceptions import HttpOperationError

from clients import Certificate, Device, Service
from harness import Hub, key_of


def setUpModule():
    global hub, service, registry
    hub = Hub("127.0.60.3")
    service = Service(hub)
    registry = service.registry


def tearDownModule():
    service.close()
    hub.stop()


def create(device, status="enabled", primary="", secondary=""):
    return registry.create_device_with_sas(device, primary, secondary, status)


class Registry(unittest.TestCase):
    def refused(self, status, code, function, *arguments):
        """The SDK has one error class; the answer tells more."""
        with self.assertRaises(HttpOperationError) as caught:
            function(*arguments)
        self.assertEqual(caught.exception.response.status_code, status)
        self.assertEqual(caught.exception.response.headers["iothub-errorcode"], code)

    def test_a_created_device_is_given_keys(self):
        device = create("created")
        self.assertEqual((device.device_id, device.status, device.connection_state),
                         ("created", "enabled", "Disconnected"))
        self.assertEqual(device.authentication.type, "sas")
        keys = device.authentication.symmetric_key
        self.assertNotEqual(keys.primary_key, keys.secondary_key)
        self.assertEqual(registry.get_device("created").as_dict(), device.as_dict())

    def test_a_device_keeps_the_keys_it_is_created_with(self):
        keys = create("given", "enabled", key_of("first"), key_of("second")).authentication.symmetric_key
        self.assertEqual((keys.primary_key, keys.secondary_key), (key_of("first"), key_of("second")))

    def test_creating_twice_is_refused(self):
        create("twice")
        self.refused(409, "DeviceAlreadyExists", create, "twice")

    def test_an_unknown_device_is_not_found(self):
        self.refused(404, "DeviceNotFound", registry.get_device, "nobody")
        self.refused(404, "DeviceNotFound", registry.delete_device, "nobody")
        self.refused(404, "DeviceNotFound", registry.update_device_with_sas,
                     "nobody", None, key_of("a"), key_of("b"), "disabled")

    def test_an_update_needs_the_current_etag_or_none(self):
        device = create("updated")
        keys = (key_of("third"), key_of("fourth"))
        changed = registry.update_device_with_sas("updated", device.etag, *keys, "disabled",
                                                  status_reason="asleep")
        self.assertEqual((changed.status, changed.status_reason), ("disabled", "asleep"))
        self.assertEqual(changed.authentication.symmetric_key.primary_key, keys[0])
        self.assertNotEqual(changed.etag, device.etag)
        self.refused(412, "PreconditionFailed", registry.update_device_with_sas,
                     "updated", device.etag, *keys, "enabled")
        self.assertEqual(
            registry.update_device_with_sas("updated", None, *keys, "enabled").status, "enabled")

    def test_a_deletion_needs_the_current_etag_or_none(self):
        etag = create("deleted").etag
        self.refused(412, "PreconditionFailed", registry.delete_device, "deleted", "bm9uZQ==")
        registry.delete_device("deleted", etag)
        self.refused(404, "DeviceNotFound", registry.get_device, "deleted")
        create("deleted")
        registry.delete_device("deleted")

    def test_a_device_that_is_created_again_is_another(self):
        first = create("again").generation_id
        registry.delete_device("again")
        self.assertNotEqual(create("again").generation_id, first)

    def test_ids_with_every_permitted_character_come_back(self):
        name = "a-b:c.d+e%f_g#h*i?j!k(l)m,n=o@p$q'r;s"
        self.assertEqual(create(name).device_id, name)
        self.assertEqual(registry.get_device(name).device_id, name)
        registry.delete_device(name)

    def test_certificates_are_registered_by_thumbprint_and_by_authority(self):
        certificate = Certificate(hub.directory, "thumbprints")
        prints = (certificate.thumbprint(), certificate.thumbprint("sha256"))
        registry.create_device_with_x509("thumbprints", *prints, "enabled")
        authentication = registry.get_device("thumbprints").authentication
        self.assertEqual(authentication.type, "selfSigned")
        self.assertEqual((authentication.x509_thumbprint.primary_thumbprint,
                          authentication.x509_thumbprint.secondary_thumbprint), prints)
        changed = registry.update_device_with_certificate_authority("thumbprints", None, "enabled")
        self.assertEqual(changed.authentication.type, "certificateAuthority")

    def test_a_list_has_at_most_as_many_as_asked_for(self):
        for i in range(3):
            create(f"listed-{i}")
        self.assertEqual(len(registry.get_devices(2)), 2)
        names = [device.device_id for device in registry.get_devices()]
        self.assertTrue({"listed-0", "listed-1", "listed-2"} <= set(names))

    def test_a_bulk_creates_and_deletes(self):
        names = [f"bulk-{i}" for i in range(100)]
        keys = AuthenticationMechanism(type="sas", symmetric_key=SymmetricKey(
            primary_key=key_of("bulk"), secondary_key=key_of("bulk2")))
        for mode, after in (("create", 100), ("delete", 0)):
            result = registry.bulk_create_or_update_devices([
                ExportImportDevice(id=name, import_mode=mode, status="enabled", authentication=keys)
                for name in names])
            self.assertTrue(result.is_successful)
            self.assertEqual(result.errors, [])
            found = [device.device_id for device in registry.get_devices()]
            self.assertEqual(len(set(names) & set(found)), after)

    def test_a_bulk_names_what_failed_and_does_the_rest(self):
        create("bulk-there")
        result = registry.bulk_create_or_update_devices([
            ExportImportDevice(id=name, import_mode="create", status="enabled",
                               authentication=AuthenticationMechanism(type="sas"))
            for name in ("bulk-new", "bulk-there")])
        self.assertFalse(result.is_successful)
        self.assertEqual([error.device_id for error in result.errors], ["bulk-there"])
        self.assertEqual(registry.get_device("bulk-new").device_id, "bulk-new")

    def test_a_bulk_of_more_than_a_hundred_does_nothing(self):
        self.refused(413, "TooManyDevices", registry.bulk_create_or_update_devices, [
            ExportImportDevice(id=f"many-{i}", import_mode="create", status="enabled",
                               authentication=AuthenticationMechanism(type="sas"))
            for i in range(101)])
        self.refused(404, "DeviceNotFound", registry.get_device, "many-0")

    def test_statistics_count_devices_and_connections(self):
        before = registry.get_device_registry_statistics()
        create("counted", "disabled")
        key = create("connected").authentication.symmetric_key.primary_key
        after = registry.get_device_registry_statistics()
        self.assertEqual(
            (after.total_device_count - before.total_device_count,
             after.enabled_device_count - before.enabled_device_count,
             after.disabled_device_count - before.disabled_device_count), (2, 1, 1))
        self.assertEqual(registry.get_service_statistics().connected_device_count, 0)
        device = Device.of(hub, "connected", key).connect()
        self.assertEqual(registry.get_service_statistics().connected_device_count, 1)
        self.assertEqual(registry.get_device("connected").connection_state, "Connected")
        device.close()

    def test_the_message_count_is_the_depth_of_the_queue_and_a_purge_empties_it(self):
        create("purged")
        for _ in range(3):
            service.send("purged", "x")
        self.assertEqual(registry.get_device("purged").cloud_to_device_message_count, 3)
        self.assertEqual(service.purge("purged").total_messages_purged, 3)
        self.assertEqual(registry.get_device("purged").cloud_to_device_message_count, 0)
        self.refused(404, "DeviceNotFound", service.purge, "nobody")

    def test_a_policy_reads_or_writes_as_it_may(self):
        reader = Service(hub, hub.service_connection_string("registryRead"))
        create("readable")
        self.assertEqual(reader.registry.get_device("readable").device_id, "readable")
        self.refused(401, "IotHubUnauthorizedAccess", reader.registry.delete_device, "readable")
        reader.close()

    def test_a_wrong_key_is_refused(self):
        stranger = Service(hub, hub.service_connection_string(key=key_of("stranger")))
        self.refused(401, "IotHubUnauthorizedAccess", stranger.registry.get_devices)
        stranger.close()


if __name__ == "__main__":
    unittest.main()
