package devicebound;

class ServiceTest extends ServiceSuite {
    ServiceTest() {
        super(new Sdk2(), "127.0.5.2");
    }
}
