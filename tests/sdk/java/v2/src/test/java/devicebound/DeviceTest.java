package devicebound;

class DeviceTest extends DeviceSuite {
    DeviceTest() {
        super(new Sdk2(), "127.0.5.1");
    }
}
