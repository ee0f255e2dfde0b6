package devicebound;

class ServiceTest extends ServiceSuite {
    ServiceTest() {
        super(new Sdk1(), "127.0.5.12");
    }
}
