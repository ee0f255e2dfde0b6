package devicebound;

class MultiplexTest extends MultiplexSuite {
    MultiplexTest() {
        super(new Sdk1(), "127.0.5.13");
    }
}
