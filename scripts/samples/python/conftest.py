"""One hub and one back end for all tests; lamps as a test wants them."""

import pytest

from backend import Backend
from device import Lamp
from hub import Hub


@pytest.fixture(scope="session")
def hub(pytestconfig):
    hub = Hub(pytestconfig.cache.mkdir("hub"))  # its CA is made once
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def backend(hub):
    with pytest.MonkeyPatch.context() as environment:  # read when connections are made
        environment.setenv("SSL_CERT_FILE", hub.ca_file)  # AMQP
        environment.setenv("REQUESTS_CA_BUNDLE", hub.ca_file)  # REST
        backend = Backend(hub.service_connection_string())
        yield backend
        backend.close()


@pytest.fixture
def connect_lamp(hub):
    """connect_lamp(ID) is a connected lamp, until the test is over."""
    lamps = []

    def connect(device_id):
        lamp = Lamp(hub.device(device_id), hub.ca_file)
        lamps.append(lamp)
        return lamp

    yield connect
    for lamp in lamps:
        lamp.close()
