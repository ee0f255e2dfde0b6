"""
Every call of the service SDK, once as it should go and once refused: prints a table of them with the
SDK's class of the refusal. A method that the SDK has and the table lacks fails.
"""

import itertools
import unittest

from azure.iot.hub import (DigitalTwinClient, IoTHubConfigurationManager, IoTHubHttpRuntimeManager,
                           IoTHubJobManager, IoTHubRegistryManager)
from azure.iot.hub.models import (
    AuthenticationMechanism, CloudToDeviceMethod, Configuration, ConfigurationContent,
    ConfigurationQueriesTestInput, ExportImportDevice, JobProperties, JobRequest, QuerySpecification, Twin)

from clients import Service
from harness import Hub, key_of

KEYS = (key_of("first"), key_of("second"))
PRINTS = ("A" * 40, "B" * 40)
OLD = "b2xk"
METHOD = CloudToDeviceMethod(method_name="m", payload={}, response_timeout_in_seconds=5,
                             connect_timeout_in_seconds=5)
names = (f"fresh-{i}" for i in itertools.count())


def setUpModule():
    global hub, good, bad, service, stranger, runtime, jobs, configurations, digital_twins
    hub = Hub("127.0.110.2", devices=["d", "other"])
    service = Service(hub)
    stranger = Service(hub, hub.service_connection_string(key=key_of("stranger")))
    good, bad, runtime = service.registry, stranger.registry, service.runtime
    jobs, configurations, digital_twins = (
        manager.from_connection_string(hub.service_connection_string())
        for manager in (IoTHubJobManager, IoTHubConfigurationManager, DigitalTwinClient))


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


def feedback():
    """The lock token of a batch."""
    good.send_c2d_message("other", "x", {"iothub-ack": "full"})
    service.purge("other")
    hub.flush_feedback()
    return service.feedback()[1]


TAGS = Twin(tags={"a": 1})
EXISTS, NO_DEVICE, NO_MODULE = "DeviceAlreadyExists", "DeviceNotFound", "ModuleNotFound"
MODULE_EXISTS, CHANGED = "ModuleAlreadyExistsOnDevice", "PreconditionFailed"
NOBODY, NOT_HERE = "IotHubUnauthorizedAccess", "GenericNotFound"
LOCK_LOST, LOST = "DeviceMessageLockLost", "01234567-89ab-cdef-0123-456789abcdef"

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

FEEDBACK_CALLS = {
    "receive_feedback_notification": (
        lambda: runtime.receive_feedback_notification(),
        lambda: stranger.runtime.receive_feedback_notification(), NOBODY),
    "complete_feedback_notification": (
        lambda: runtime.complete_feedback_notification(feedback()),
        lambda: runtime.complete_feedback_notification(LOST), LOCK_LOST),
    "abandon_feedback_notification": (
        lambda: runtime.abandon_feedback_notification(feedback()),
        lambda: runtime.abandon_feedback_notification(LOST), LOCK_LOST),
}

JOB_CALLS = {
    "create_import_export_job": (
        None, lambda: jobs.create_import_export_job(JobProperties(type="export")), NOT_HERE),
    "get_import_export_jobs": (None, lambda: jobs.get_import_export_jobs(), NOT_HERE),
    "get_import_export_job": (None, lambda: jobs.get_import_export_job("j"), NOT_HERE),
    "cancel_import_export_job": (None, lambda: jobs.cancel_import_export_job("j"), NOT_HERE),
    "create_scheduled_job": (
        None, lambda: jobs.create_scheduled_job("j", JobRequest(job_id="j")), NOT_HERE),
    "get_scheduled_job": (None, lambda: jobs.get_scheduled_job("j"), NOT_HERE),
    "query_scheduled_jobs": (
        None, lambda: jobs.query_scheduled_jobs("scheduleUpdateTwin", "queued"), NOT_HERE),
    "cancel_scheduled_job": (None, lambda: jobs.cancel_scheduled_job("j"), NOT_HERE),
}

CONFIGURATION = Configuration(id="c")
CONFIGURATION_CALLS = {
    "create_configuration": (
        None, lambda: configurations.create_configuration(CONFIGURATION), NOT_HERE),
    "update_configuration": (
        None, lambda: configurations.update_configuration(CONFIGURATION, OLD), NOT_HERE),
    "get_configuration": (None, lambda: configurations.get_configuration("c"), NOT_HERE),
    "get_configurations": (None, lambda: configurations.get_configurations(), NOT_HERE),
    "delete_configuration": (None, lambda: configurations.delete_configuration("c"), NOT_HERE),
    "test_configuration_queries": (
        None, lambda: configurations.test_configuration_queries(ConfigurationQueriesTestInput()),
        NOT_HERE),
    "apply_configuration_on_edge_device": (
        None, lambda: configurations.apply_configuration_on_edge_device("d", ConfigurationContent()),
        NOT_HERE),
}

DIGITAL_TWIN_CALLS = {
    "get_digital_twin": (None, lambda: digital_twins.get_digital_twin("d"), NOT_HERE),
    "update_digital_twin": (None, lambda: digital_twins.update_digital_twin("d", []), NOT_HERE),
    "invoke_command": (None, lambda: digital_twins.invoke_command("d", "c", {}), NOT_HERE),
    "invoke_component_command": (
        None, lambda: digital_twins.invoke_component_command("d", "p", "c", {}), NOT_HERE),
}

CLASSES = {
    IoTHubRegistryManager: CALLS, IoTHubHttpRuntimeManager: FEEDBACK_CALLS, IoTHubJobManager: JOB_CALLS,
    IoTHubConfigurationManager: CONFIGURATION_CALLS, DigitalTwinClient: DIGITAL_TWIN_CALLS,
}

# Constructors; asking nothing of the hub.
MAKERS = {"from_connection_string", "from_token_credential"}


def code_of(error):
    """IoT Hub's name of a refusal over REST; over AMQP the SDK does not hand the reason on."""
    response = getattr(error, "response", None)
    return str(error) if response is None else response.headers["iothub-errorcode"]


class Calls(unittest.TestCase):
    def check(self, call, well, refused, code, said="HttpOperationError"):
        if well:
            well()
        with self.assertRaises(Exception) as caught:
            refused()
        self.assertEqual((code_of(caught.exception), type(caught.exception).__name__), (code, said))
        print(f"# | {call} | {'done' if well else 'refused by design'} | {code} | {said} |")

    def test_every_call_works_and_is_refused_as_the_sdk_says_it(self):
        print("# | azure-iot-hub | when all is well | refused with | the SDK says |")
        print("# |---|---|---|---|")
        for manager, calls in CLASSES.items():
            for call, row in calls.items():
                with self.subTest(call):
                    self.check(f"{manager.__name__}.{call}", *row)

    def test_every_method_of_the_sdk_is_a_row_and_every_row_a_method(self):
        for manager, calls in CLASSES.items():
            methods = {name for name in dir(manager) if not name.startswith("_")}
            self.assertEqual(methods, set(calls) | MAKERS)


if __name__ == "__main__":
    unittest.main()
