package devicebound;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import devicebound.Sdk.Record;
import devicebound.Sdk.Sent;
import devicebound.Sdk.Transport;
import devicebound.Sdk.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/** Back ends: what they send, its feedback, and the registry. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class ServiceSuite {
    private final Sdk sdk;
    private final String address;
    private final Table table;
    private final Table registry;
    private final AtomicInteger last = new AtomicInteger();
    private Hub hub;

    protected ServiceSuite(Sdk sdk, String address) {
        this.sdk = sdk;
        this.address = address;
        table = new Table("services.md", "services, " + sdk.versions(), Transport.AMQPS, Transport.AMQPS_WS);
        registry = new Table("registry.md", "registry, " + sdk.versions(), "HTTPS");
    }

    @BeforeAll
    void start() throws Exception {
        hub = new Hub(address);
    }

    @AfterAll
    void stop() throws Exception {
        System.out.print(table);
        System.out.print(registry);
        hub.close();
    }

    private String fresh() throws Exception {
        String id = "device-" + last.incrementAndGet();
        hub.add(id);
        return id;
    }

    private static Sent message(String messageId, int size, long expiry) {
        return new Sent(new byte[size], messageId, "correlation", "user", "FULL", expiry, Map.of("room", "kitchen"));
    }

    private interface Flow {
        String run(Sdk.Service service) throws Exception;
    }

    private DynamicTest flow(String row, Transport transport, Flow flow) {
        return table.test(row, transport, () -> {
            try (Sdk.Service service = sdk.service(hub.serviceConnectionString("service", Hub.POLICY_KEY), transport)) {
                service.open();
                return flow.run(service);
            }
        });
    }

    private static String refusal(Sdk.Service service, String device, Sent message) {
        return DeviceSuite.name(assertThrows(Exception.class, () -> service.send(device, message)));
    }

    @TestFactory
    List<DynamicTest> sending() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Transport transport : List.of(Transport.AMQPS, Transport.AMQPS_WS)) {
            tests.add(flow("send", transport, service -> {
                String device = fresh();
                service.send(device, message("m1", 4, 0));
                assertEquals("m1", hub.await("enqueued", device, 1).get(0).get("messageId").getAsString());
                return "ok";
            }));
            tests.add(flow("send to nobody", transport, service -> refusal(service, "nobody", message("m1", 4, 0))));
            if (!sdk.breaksAtLargeFrames(transport)) {
                tests.add(flow("send more than 64 KB", transport, this::sendTooMuch));
            }
            tests.add(flow("send what has expired", transport,
                service -> refusal(service, fresh(), message("m1", 4, hub.now() - 60000))));
            tests.add(flow("send to a full queue", transport, service -> {
                String device = fresh();
                for (int i = 0; i < 50; i++) {
                    service.send(device, message("m" + i, 4, 0));
                }
                String refusal = refusal(service, device, message("m50", 4, 0));
                service.send(fresh(), message("m1", 4, 0)); // the link goes on
                return refusal;
            }));
            tests.add(table.test("open and send with a wrong key", transport, () -> {
                try (Sdk.Service service = sdk.service(hub.serviceConnectionString("service", Hub.keyOf("x")), transport)) {
                    return DeviceSuite.name(assertThrows(Exception.class, () -> {
                        service.open();
                        service.send("nobody", message("m1", 4, 0));
                    }));
                }
            }));
            tests.add(table.test("feedback", transport, () -> feedback(transport)));
            tests.add(table.test("notifications of files, kept open", transport, () -> {
                try (AutoCloseable client = sdk.fileNotifications(hub.serviceConnectionString(), transport)) {
                    return "open";
                }
            }));
        }
        return tests;
    }

    private String sendTooMuch(Sdk.Service service) throws Exception {
        String device = fresh();
        try {
            service.send(device, message("m1", 65536, 0));
        } catch (Exception refusal) {
            return DeviceSuite.name(refusal);
        }
        hub.await("sendRefused", device, 1);
        return "the SDK does not see the refusal"; // which knows five conditions in version 1
    }

    /** Each outcome there is, as the service is told; where the SDK can abandon, the first batch comes twice. */
    private String feedback(Transport transport) throws Exception {
        String device = fresh();
        Mailbag<List<Record>> batches = new Mailbag<>("a batch of feedback");
        AtomicInteger count = new AtomicInteger();
        Map<String, String> told = new TreeMap<>();
        try (Sdk.Service service = sdk.service(hub.serviceConnectionString(), transport);
            AutoCloseable client = sdk.feedback(hub.serviceConnectionString(), transport, batch -> {
                batches.put(batch);
                return count.getAndIncrement() == 0 ? Verdict.ABANDON : Verdict.COMPLETE;
            })) {
            service.open();
            service.send(device, message("expired", 4, hub.now() + 3600000));
            hub.advance("PT3601S");
            for (String how : List.of("complete", "reject", "abandon")) {
                service.send(device, message(how, 4, 0));
                settle(device, how);
            }
            service.send(device, message("purged", 4, 0));
            hub.ask("DELETE", "/devices/" + device + "/messages", null);
            hub.flushFeedback();
            while (told.size() < 5) {
                for (Record record : batches.take()) {
                    if (record.deviceId().equals(device)) {
                        told.put(record.messageId(), record.status() + "/" + record.description());
                    }
                }
            }
        }
        // The SDK has no name for Purged.
        assertEquals(Map.of("expired", "expired/Expired", "complete", "success/Success", "reject", "rejected/Rejected",
            "abandon", "deliveryCountExceeded/DeliveryCountExceeded", "purged", "unknown/Purged"), told);
        return "ok";
    }

    /** As the device, as often as it takes until no message is left. */
    private void settle(String device, String how) throws Exception {
        for (;;) {
            var message = hub.ask("POST", "/devices/" + device + "/receive", null);
            if (!message.isJsonObject()) {
                return;
            }
            hub.ask("POST", "/messages/" + message.getAsJsonObject().get("lockToken").getAsString() + "/" + how, null);
        }
    }

    @TestFactory
    List<DynamicTest> registry() throws Exception {
        List<DynamicTest> tests = new ArrayList<>();
        sdk.registryCalls(hub).forEach((call, cell) -> tests.add(registry.test(call, "HTTPS", cell)));
        return tests;
    }
}
