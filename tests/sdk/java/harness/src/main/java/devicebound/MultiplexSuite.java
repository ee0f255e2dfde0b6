package devicebound;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import devicebound.Sdk.Device;
import devicebound.Sdk.Multiplexer;
import devicebound.Sdk.Sent;
import devicebound.Sdk.Transport;
import devicebound.Sdk.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/** Several devices over one connection, each let in by a token of its own. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class MultiplexSuite {
    private final Sdk sdk;
    private final String address;
    private final Table table;
    private final AtomicInteger last = new AtomicInteger();
    private Hub hub;
    private Sdk.Service service;

    protected MultiplexSuite(Sdk sdk, String address) {
        this.sdk = sdk;
        this.address = address;
        table = new Table("multiplex.md", "devices over one connection, " + sdk.versions(), Transport.AMQPS, Transport.AMQPS_WS);
    }

    @BeforeAll
    void start() throws Exception {
        hub = new Hub(address);
        service = sdk.service(hub.serviceConnectionString("service", Hub.POLICY_KEY), Transport.AMQPS);
        service.open();
    }

    @AfterAll
    void stop() throws Exception {
        System.out.print(table);
        service.close();
        hub.close();
    }

    /** Devices, what they have received as "id message", and their connection. */
    private final class Group implements AutoCloseable {
        final Multiplexer multiplexer;
        final Transport transport;
        final List<String> ids = new ArrayList<>();
        final List<Device> devices = new ArrayList<>();
        final Mailbag<String> received = new Mailbag<>("a message on a device");
        final Mailbag<String> states = new Mailbag<>("a change of a connection");

        Group(Transport transport, int size) throws Exception {
            this.transport = transport;
            multiplexer = sdk.multiplexer(address, transport);
            multiplexer.watch(state -> { });
            for (int i = 0; i < size; i++) {
                devices.add(make(Hub::keyOf));
            }
            multiplexer.register(devices);
            multiplexer.open();
        }

        Device make(UnaryOperator<String> keyOf) throws Exception {
            String id = "device-" + last.incrementAndGet();
            hub.add(id);
            ids.add(id);
            Device device = sdk.device(hub.deviceConnectionString(id, keyOf.apply(id)), transport);
            device.watch(state -> states.put(id + " " + state));
            device.answer(message -> {
                received.put(id + " " + message.messageId());
                return Verdict.COMPLETE;
            });
            return device;
        }

        /** Each device gets a message of its own, and sends one. */
        void exchange(String messageId) throws Exception {
            for (int i = 0; i < devices.size(); i++) {
                service.send(ids.get(i), new Sent(new byte[1], messageId, "c", "u", "FULL", 0, Map.of()));
                assertEquals(ids.get(i) + " " + messageId, received.take());
                assertEquals("OK", devices.get(i).send(new byte[1], messageId, Map.of()));
                assertTrue(hub.telemetry(ids.get(i)).toString().contains("\"messageId\":\"" + messageId + "\""));
            }
        }

        @Override
        public void close() throws Exception {
            multiplexer.close();
        }
    }

    private interface Flow {
        String run(Group group) throws Exception;
    }

    private DynamicTest flow(String row, Transport transport, Flow flow) {
        return table.test(row, transport, () -> {
            try (Group group = new Group(transport, 5)) {
                return flow.run(group);
            }
        });
    }

    @TestFactory
    List<DynamicTest> multiplexing() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Transport transport : List.of(Transport.AMQPS, Transport.AMQPS_WS)) {
            tests.add(flow("receive, complete, telemetry", transport, group -> {
                group.exchange("m1");
                for (String id : group.ids) {
                    hub.await("completed", id, 1);
                }
                return "ok";
            }));
            tests.add(flow("twins and methods", transport, group -> {
                for (Device device : group.devices) {
                    device.twin(0, change -> { });
                    device.report("level", 1);
                    device.subscribeToMethods();
                }
                group.exchange("m1");
                return "ok";
            }));
            tests.add(flow("one goes, another comes", transport, group -> {
                group.multiplexer.unregister(group.devices.remove(0));
                group.ids.remove(0);
                Device late = group.make(Hub::keyOf);
                group.multiplexer.register(List.of(late));
                group.devices.add(late);
                group.exchange("m1");
                return "ok";
            }));
            tests.add(flow("one with a wrong key", transport, group -> {
                Device stranger = group.make(id -> Hub.keyOf("another"));
                String refusal = DeviceSuite.name(assertThrows(Exception.class,
                    () -> group.multiplexer.register(List.of(stranger))));
                group.exchange("m1");
                return refusal;
            }));
            tests.add(flow("reconnects after a drop", transport, group -> {
                group.exchange("m1");
                hub.drop(null);
                int again = 0;
                boolean dropped = false;
                while (again < group.devices.size()) {
                    String state = group.states.take();
                    dropped |= state.contains("DISCONNECTED_RETRYING");
                    again += dropped && state.contains(" CONNECTED ") ? 1 : 0;
                }
                group.exchange("m2");
                return "ok";
            }));
        }
        return tests;
    }
}
