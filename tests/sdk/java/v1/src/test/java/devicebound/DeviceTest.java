package devicebound;

class DeviceTest extends DeviceSuite {
    DeviceTest() {
        super(new Sdk1(), "127.0.5.11");
    }
}
