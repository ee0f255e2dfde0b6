package devicebound;

class MultiplexTest extends MultiplexSuite {
    MultiplexTest() {
        super(new Sdk2(), "127.0.5.3");
    }
}
