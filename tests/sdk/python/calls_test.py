"""
Every call of the service SDK, once as it should go and once refused: prints a table of them with the
SDK's class of the refusal. A method that the SDK has and the table lacks fails.
"""

import itertools
import unittest

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import (AuthenticationMechanism, CloudToDeviceMethod, ExportImportDevice,
                                  QuerySpecification, Twin)

from clients import Service
from harness import Hub, key_of

KEYS = (key_of("first"), key_of("second"))
PRINTS = ("A" * 40, "B" * 40)
OLD = "b2xk"
METHOD = CloudToDeviceMethod(method_name="m", payload={}, response_timeout_in_seconds=5,
                             connect_timeout_in_seconds=5)
names = (f"fresh-{i}" for i in itertools.count())


def setUpModule():
    global hub, good, bad, service, stranger
    hub = Hub("127.0.110.2", devices=["d", "other"])
    service = Service(hub)
    stranger = Service(hub, hub.service_connection_string(key=key_of("stranger")))
    good, bad = service.registry, stranger.registry


def tearDownModule():
    service.close()
    stranger.close()
    hub.stop()


def fresh():
    """The id of a device that no other row knows."""
    return good.create_device_with_sas(next(names), *KEYS, "enabled").device_id


def module():
    """That of a module of d."""
    return good.create_module_with_sas("d", next(names), "", *KEYS).module_id


def bulk(name):
    return [ExportImportDevice(id=name, import_mode="create", status="enabled",
                               authentication=AuthenticationMechanism(type="sas"))]


TAGS = Twin(tags={"a": 1})
EXISTS, NO_DEVICE, NO_MODULE = "DeviceAlreadyExists", "DeviceNotFound", "ModuleNotFound"
MODULE_EXISTS, CHANGED = "ModuleAlreadyExistsOnDevice", "PreconditionFailed"
NOBODY, NOT_HERE = "IotHubUnauthorizedAccess", "GenericNotFound"

# call → what it does when all is well (None: the hub refuses each such call), what is refused, and the
# name of the refusal; HttpOperationError unless another class is named.
CALLS = {
    "create_device_with_sas": (
        lambda: good.create_device_with_sas(next(names), *KEYS, "enabled"),
        lambda: good.create_device_with_sas("d", *KEYS, "enabled"), EXISTS),
    "create_device_with_x509": (
        lambda: good.create_device_with_x509(next(names), *PRINTS, "enabled"),
        lambda: good.create_device_with_x509("d", *PRINTS, "enabled"), EXISTS),
    "create_device_with_certificate_authority": (
        lambda: good.create_device_with_certificate_authority(next(names), "enabled"),
        lambda: good.create_device_with_certificate_authority("d", "enabled"), EXISTS),
    "update_device_with_sas": (
        lambda: good.update_device_with_sas(fresh(), None, *KEYS, "disabled"),
        lambda: good.update_device_with_sas("d", OLD, *KEYS, "enabled"), CHANGED),
    "update_device_with_x509": (
        lambda: good.update_device_with_x509(fresh(), None, *PRINTS, "enabled"),
        lambda: good.update_device_with_x509("d", OLD, *PRINTS, "enabled"), CHANGED),
    "update_device_with_certificate_authority": (
        lambda: good.update_device_with_certificate_authority(fresh(), None, "enabled"),
        lambda: good.update_device_with_certificate_authority("d", OLD, "enabled"), CHANGED),
    "get_device": (
        lambda: good.get_device("d"), lambda: good.get_device("nobody"), NO_DEVICE),
    "get_devices": (lambda: good.get_devices(), lambda: bad.get_devices(), NOBODY),
    "delete_device": (
        lambda: good.delete_device(fresh()), lambda: good.delete_device("nobody"), NO_DEVICE),
    "bulk_create_or_update_devices": (
        lambda: good.bulk_create_or_update_devices(bulk(next(names))),
        lambda: good.bulk_create_or_update_devices(bulk("many") * 101), "TooManyDevices"),
    "get_device_registry_statistics": (
        lambda: good.get_device_registry_statistics(),
        lambda: bad.get_device_registry_statistics(), NOBODY),
    "get_service_statistics": (
        lambda: good.get_service_statistics(), lambda: bad.get_service_statistics(), NOBODY),

    "create_module_with_sas": (
        lambda: good.create_module_with_sas("d", next(names), "", *KEYS),
        lambda: good.create_module_with_sas("d", module(), "", *KEYS), MODULE_EXISTS),
    "create_module_with_x509": (
        lambda: good.create_module_with_x509("d", next(names), "", *PRINTS),
        lambda: good.create_module_with_x509("d", module(), "", *PRINTS), MODULE_EXISTS),
    "create_module_with_certificate_authority": (
        lambda: good.create_module_with_certificate_authority("d", next(names), ""),
        lambda: good.create_module_with_certificate_authority("d", module(), ""), MODULE_EXISTS),
    "update_module_with_sas": (
        lambda: good.update_module_with_sas("d", module(), "", "*", *KEYS),
        lambda: good.update_module_with_sas("d", module(), "", OLD, *KEYS), CHANGED),
    "update_module_with_x509": (
        lambda: good.update_module_with_x509("d", module(), "", "*", *PRINTS),
        lambda: good.update_module_with_x509("d", module(), "", OLD, *PRINTS), CHANGED),
    "update_module_with_certificate_authority": (
        lambda: good.update_module_with_certificate_authority("d", module(), "", "*"),
        lambda: good.update_module_with_certificate_authority("d", module(), "", OLD), CHANGED),
    "get_module": (
        lambda: good.get_module("d", module()), lambda: good.get_module("d", "nobody"), NO_MODULE),
    "get_modules": (lambda: good.get_modules("d"), lambda: good.get_modules("nobody"), NOBODY),
    "delete_module": (
        lambda: good.delete_module("d", module()),
        lambda: good.delete_module("d", "nobody"), NO_MODULE),

    "get_twin": (lambda: good.get_twin("d"), lambda: good.get_twin("nobody"), NO_DEVICE),
    "update_twin": (
        lambda: good.update_twin("d", TAGS), lambda: good.update_twin("d", TAGS, OLD), CHANGED),
    "replace_twin": (
        lambda: good.replace_twin("d", TAGS), lambda: good.replace_twin("d", TAGS, OLD), CHANGED),
    "get_module_twin": (
        lambda: good.get_module_twin("d", module()),
        lambda: good.get_module_twin("d", "nobody"), NO_DEVICE),
    "update_module_twin": (
        lambda: good.update_module_twin("d", module(), TAGS),
        lambda: good.update_module_twin("d", module(), TAGS, OLD), CHANGED),
    "replace_module_twin": (
        lambda: good.replace_module_twin("d", module(), TAGS),
        lambda: good.replace_module_twin("d", module(), TAGS, OLD), CHANGED),
    "query_iot_hub": (
        lambda: good.query_iot_hub(QuerySpecification(query="SELECT * FROM devices")),
        lambda: good.query_iot_hub(QuerySpecification(query="SELECT *")), "ArgumentInvalid"),

    "send_c2d_message": (
        lambda: good.send_c2d_message("d", "x"),
        lambda: good.send_c2d_message("nobody", "x"), "C2D message send failure", "Exception"),
    "invoke_device_method": (None, lambda: good.invoke_device_method("d", METHOD), NOT_HERE),
    "invoke_device_module_method": (
        None, lambda: good.invoke_device_module_method("d", module(), METHOD), NOT_HERE),
}

# Constructors; asking nothing of the hub.
MAKERS = {"from_connection_string", "from_token_credential"}


def code_of(error):
    """IoT Hub's name of a refusal over REST; over AMQP the SDK does not hand the reason on."""
    response = getattr(error, "response", None)
    return str(error) if response is None else response.headers["iothub-errorcode"]


class Calls(unittest.TestCase):
    def test_every_call_works_and_is_refused_as_the_sdk_says_it(self):
        print("# | azure-iot-hub | when all is well | refused with | the SDK says |")
        print("# |---|---|---|---|")
        for call, (well, refused, code, *name) in CALLS.items():
            with self.subTest(call):
                if well:
                    well()
                with self.assertRaises(Exception) as caught:
                    refused()
                said = type(caught.exception).__name__
                self.assertEqual((code_of(caught.exception), said),
                                 (code, name[0] if name else "HttpOperationError"))
                print(f"# | {call} | {'done' if well else 'refused by design'} | {code} | {said} |")

    def test_every_method_of_the_sdk_is_a_row_and_every_row_a_method(self):
        methods = {name for name in dir(IoTHubRegistryManager) if not name.startswith("_")}
        self.assertEqual(methods, set(CALLS) | MAKERS)


if __name__ == "__main__":
    unittest.main()
