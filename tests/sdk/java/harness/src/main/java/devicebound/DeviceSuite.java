package devicebound;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import devicebound.Sdk.Device;
import devicebound.Sdk.Received;
import devicebound.Sdk.Sent;
import devicebound.Sdk.Transport;
import devicebound.Sdk.Verdict;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/** Devices over each transport, with each credential. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class DeviceSuite {
    private static final String UNICODE = "Größe 世界 & a=b/c? %20 +";

    private enum Credential { KEY, TOKEN, TOKEN_PROVIDER, CERTIFICATE }

    private final Sdk sdk;
    private final String address;
    private final Table table;
    private final AtomicInteger last = new AtomicInteger();
    private Hub hub;
    private Sdk.Service service;
    private Certificate certificate;

    protected DeviceSuite(Sdk sdk, String address) {
        this.sdk = sdk;
        this.address = address;
        table = new Table("devices.md", "devices, " + sdk.versions(), (Object[]) Transport.values());
    }

    @BeforeAll
    void start() throws Exception {
        hub = new Hub(address);
        certificate = new Certificate("any name");
        service = sdk.service(hub.serviceConnectionString("service", Hub.POLICY_KEY), Transport.AMQPS);
        service.open();
    }

    @AfterAll
    void stop() throws Exception {
        System.out.print(table);
        service.close();
        hub.close();
    }

    /** A client of a device of its own, with what it has received. */
    private final class Client implements AutoCloseable {
        final String id;
        final Transport transport;
        final Mailbag<Received> received = new Mailbag<>("a message on the device");
        final Mailbag<String> states = new Mailbag<>("a change of the connection");
        Device device;

        Client(Transport transport, Credential credential) throws Exception {
            id = "device-" + last.incrementAndGet();
            this.transport = transport;
            if (credential == Credential.CERTIFICATE) {
                hub.put(id, "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":\""
                    + certificate.thumbprint() + "\"}}}");
            } else {
                hub.add(id);
            }
            device = switch (credential) {
                case KEY -> sdk.device(hub.deviceConnectionString(id), transport);
                case TOKEN -> sdk.device("HostName=" + address + ";DeviceId=" + id + ";SharedAccessSignature="
                    + hub.deviceToken(id), transport);
                case TOKEN_PROVIDER -> sdk.device(address, id, transport, () -> hub.deviceToken(id));
                case CERTIFICATE -> sdk.device("HostName=" + address + ";DeviceId=" + id + ";x509=true", transport,
                    certificate.context());
            };
            device.watch(states::put);
        }

        Client open(Verdict... verdicts) throws Exception {
            AtomicInteger count = new AtomicInteger();
            device.answer(message -> {
                received.put(message);
                return verdicts[Math.min(count.getAndIncrement(), verdicts.length - 1)];
            });
            device.open();
            return this;
        }

        String send(byte[] body, String messageId, long expiry, Map<String, String> properties) throws Exception {
            service.send(id, new Sent(body, messageId, "correlation", "user", "FULL", expiry, properties));
            return messageId;
        }

        void sends(String messageId) throws Exception {
            send("body".getBytes(), messageId, 0, Map.of());
        }

        void awaits(String event) throws Exception {
            hub.await(event, id, 1);
        }

        @Override
        public void close() throws Exception {
            device.close();
        }
    }

    private interface Flow {
        String run(Client client) throws Exception;
    }

    private DynamicTest flow(String row, Transport transport, Credential credential, Flow flow) {
        return table.test(row, transport, () -> {
            try (Client client = new Client(transport, credential)) {
                return flow.run(client);
            }
        });
    }

    private String receives(Client client) throws Exception {
        client.open(Verdict.COMPLETE);
        byte[] body = UNICODE.getBytes(StandardCharsets.UTF_8);
        String value = client.transport == Transport.HTTPS ? "kitchen 1/2" : UNICODE; // the SDK asks for ASCII there
        client.send(body, "m1", hub.now() + 3600000, Map.of("place", value, "reading", "1"));
        Received message = client.received.take();
        assertArrayEquals(body, message.body());
        assertEquals("m1", message.messageId());
        assertEquals("correlation", message.correlationId());
        if (client.transport.isAmqp()) { // where the SDK puts them; over the others it does not look
            assertEquals("user", message.properties().get("iothub-app-userId"));
            assertEquals("/devices/" + client.id + "/messages/devicebound", message.properties().get("iothub-app-to"));
        }
        assertEquals(value, message.properties().get("place"));
        assertEquals("1", message.properties().get("reading"));
        client.awaits("completed");
        return "ok";
    }

    @TestFactory
    List<DynamicTest> credentials() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Credential credential : Credential.values()) {
            for (Transport transport : Transport.values()) {
                String row = "receive and complete, " + credential.name().toLowerCase().replace('_', ' ');
                // The SDK tells the hub not to ask for certificates then: iothub-no-client-cert.
                boolean hidden = credential == Credential.CERTIFICATE && transport == Transport.AMQPS_WS;
                tests.add(flow(row, transport, credential, hidden ? this::isRefused : this::receives));
            }
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> messages() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Transport transport : Transport.values()) {
            tests.add(flow("empty body", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                client.send(new byte[0], "m1", 0, Map.of());
                assertEquals(0, client.received.take().body().length);
                client.awaits("completed");
                return "ok";
            }));
            tests.add(flow("64 KB", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                byte[] body = new byte[65536 - "m1correlationuseriothub-ackfull".length()];
                new java.util.Random(7).nextBytes(body);
                client.send(body, "m1", 0, Map.of());
                assertArrayEquals(body, client.received.take().body());
                client.awaits("completed");
                return "ok";
            }));
            tests.add(flow("waits for the device", transport, Credential.KEY, client -> {
                if (transport.isMqtt()) { // what is older than the first subscription is rejected
                    client.open(Verdict.COMPLETE);
                    client.device.close();
                }
                for (int i = 0; i < 3; i++) {
                    client.sends("m" + i);
                }
                client.open(Verdict.COMPLETE);
                for (int i = 0; i < 3; i++) {
                    assertEquals("m" + i, client.received.take().messageId());
                }
                hub.await("completed", client.id, 3);
                return "ok";
            }));
            tests.add(flow("fifty", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                for (int i = 0; i < 50; i++) {
                    client.sends("m" + i);
                }
                hub.await("completed", client.id, 50);
                return "ok";
            }));
            tests.add(flow("reject", transport, Credential.KEY, client -> {
                client.open(Verdict.REJECT);
                client.sends("m1");
                client.received.take();
                client.awaits(transport.isMqtt() ? "completed" : "rejected");
                return transport.isMqtt() ? "completes" : "ok";
            }));
            tests.add(flow("abandon", transport, Credential.KEY, client -> {
                client.open(Verdict.ABANDON, Verdict.COMPLETE);
                client.sends("m1");
                client.received.take();
                if (!transport.isMqtt()) {
                    client.awaits("abandoned");
                    assertEquals("m1", client.received.take().messageId());
                }
                client.awaits("completed");
                return transport.isMqtt() ? "completes" : "ok";
            }));
            tests.add(flow("redelivery after the lock", transport, Credential.KEY, this::redelivers));
            tests.add(flow("expires while nobody receives", transport, Credential.KEY, client -> {
                if (transport.isMqtt()) {
                    client.open(Verdict.COMPLETE);
                    client.device.close();
                }
                client.send(new byte[1], "old", hub.now() + 3600000, Map.of());
                hub.ask("POST", "/clock/freeze", null);
                try {
                    hub.advance("PT3601S");
                    client.awaits("expired");
                    client.sends("new");
                    client.open(Verdict.COMPLETE);
                    assertEquals("new", client.received.take().messageId());
                    client.awaits("completed");
                } finally {
                    hub.ask("POST", "/clock/resume", null);
                }
                return "ok";
            }));
        }
        return tests;
    }

    /** The callback waits, so the lock lapses; what it says then is too late. */
    private String redelivers(Client client) throws Exception {
        CountDownLatch lapsed = new CountDownLatch(1);
        client.device.answer(message -> {
            client.received.put(message);
            try {
                if (!lapsed.await(15, TimeUnit.SECONDS)) {
                    return Verdict.REJECT;
                }
            } catch (InterruptedException interrupted) {
                return Verdict.REJECT;
            }
            return Verdict.COMPLETE;
        });
        client.device.open();
        client.sends("m1");
        assertEquals("m1", client.received.take().messageId());
        hub.advance("PT61S");
        client.awaits("lockExpired");
        lapsed.countDown();
        assertEquals("m1", client.received.take().messageId());
        client.awaits("completed");
        return "ok";
    }

    @TestFactory
    List<DynamicTest> upwards() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Transport transport : Transport.values()) {
            tests.add(flow("telemetry", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                assertEquals("OK", client.device.send("21.5".getBytes(), "t1", Map.of("alarm", "no")));
                JsonObject told = hub.telemetry(client.id).get(0);
                assertEquals("t1", told.getAsJsonObject("systemProperties").get("messageId").getAsString());
                assertEquals("no", told.getAsJsonObject("properties").get("alarm").getAsString());
                assertEquals("21.5", told.getAsJsonObject("body").get("text").getAsString());
                return "ok";
            }));
            tests.add(flow("file upload", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                return client.device.upload();
            }));
            if (transport == Transport.HTTPS) { // has neither twin nor methods
                continue;
            }
            tests.add(flow("twin", transport, Credential.KEY, this::twin));
            tests.add(flow("methods", transport, Credential.KEY, client -> {
                client.open(Verdict.COMPLETE);
                client.device.subscribeToMethods();
                client.sends("m1");
                assertEquals("m1", client.received.take().messageId());
                return "subscribed";
            }));
        }
        return tests;
    }

    private String twin(Client client) throws Exception {
        client.open(Verdict.COMPLETE);
        Mailbag<Object> changes = new Mailbag<>("a changed property");
        hub.patchTwin(client.id, "{\"properties\":{\"desired\":{\"light\":\"on\"}}}");
        assertEquals(Map.of("light", "on"), client.device.twin(1, changes::put));
        hub.patchTwin(client.id, "{\"properties\":{\"desired\":{\"light\":\"off\"}}}");
        client.device.report("level", 3);
        // Whatever the hub would have pushed stands before its answer to the report.
        return changes.isEmpty() ? "read and reported" : "was told " + changes.take();
    }

    @TestFactory
    List<DynamicTest> connections() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Transport transport : Transport.values()) {
            tests.add(flow("wrong key", transport, Credential.KEY, client -> refused(client, "wrong key")));
            tests.add(flow("disabled device", transport, Credential.KEY, client -> {
                hub.put(client.id, "{\"status\":\"disabled\"}");
                return refused(client, null);
            }));
            tests.add(flow("unknown device", transport, Credential.KEY, client -> {
                hub.ask("DELETE", "/devices/" + client.id, null);
                return refused(client, null);
            }));
            if (transport != Transport.HTTPS) { // which keeps no connection
                tests.add(flow("reconnects after a drop", transport, Credential.KEY, this::reconnects));
            }
        }
        return tests;
    }

    /** What the client says when the hub does not let it in. */
    private String refused(Client client, String keyOf) throws Exception {
        if (keyOf != null) {
            client.device.close();
            client.device = sdk.device(hub.deviceConnectionString(client.id, Hub.keyOf(keyOf)), client.transport);
        }
        client.device.neverRetry();
        if (client.transport == Transport.HTTPS) {
            client.open(Verdict.COMPLETE);
            String outcome = client.device.send(new byte[1], "t1", Map.of());
            assertTrue(!outcome.equals("OK"));
            return outcome;
        }
        return name(assertThrows(Exception.class, () -> client.open(Verdict.COMPLETE)));
    }

    /** At once, or, as version 1 may take the answer to its attach for success, a moment later. */
    private String isRefused(Client client) throws Exception {
        client.device.neverRetry();
        try {
            client.open(Verdict.COMPLETE);
        } catch (Exception refusal) {
            return "refused";
        }
        while (!client.states.take().startsWith("DISCONNECTED ")) {
            continue;
        }
        return "refused";
    }

    static String name(Throwable thrown) {
        String inner = thrown.getCause() == null ? "" : ", " + thrown.getCause().getClass().getSimpleName();
        return thrown.getClass().getSimpleName() + inner;
    }

    private String reconnects(Client client) throws Exception {
        client.open(Verdict.COMPLETE);
        client.sends("m1");
        assertEquals("m1", client.received.take().messageId());
        client.awaits("completed");
        hub.drop(client.id);
        List<String> seen = new ArrayList<>();
        do {
            seen.add(client.states.take());
        } while (!(seen.size() > 1 && seen.get(seen.size() - 1).startsWith("CONNECTED")
            && seen.stream().anyMatch(state -> state.startsWith("DISCONNECTED_RETRYING"))));
        client.sends("m2");
        assertEquals("m2", client.received.take().messageId());
        hub.await("completed", client.id, 2);
        assertEquals("OK", client.device.send(new byte[1], "t1", Map.of()));
        return "ok";
    }
}
