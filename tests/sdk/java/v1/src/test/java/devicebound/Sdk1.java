package devicebound;

import com.microsoft.azure.sdk.iot.deps.serializer.FileUploadSasUriRequest;
import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.DeviceMethodData;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.Property;
import com.microsoft.azure.sdk.iot.device.DeviceTwin.TwinPropertyCallBack;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.MessageProperty;
import com.microsoft.azure.sdk.iot.device.MultiplexingClient;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.service.DeliveryAcknowledgement;
import com.microsoft.azure.sdk.iot.service.FeedbackBatch;
import com.microsoft.azure.sdk.iot.service.FeedbackReceiver;
import com.microsoft.azure.sdk.iot.service.FileUploadNotificationReceiver;
import com.microsoft.azure.sdk.iot.service.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.Message;
import com.microsoft.azure.sdk.iot.service.ServiceClient;
import com.microsoft.azure.sdk.iot.service.ServiceClientOptions;
import java.io.IOException;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;

/** iot-device-client and iot-service-client 1, which are still much used. */
final class Sdk1 implements Sdk {
    private static final long RECEIVE_INTERVAL_MS = 20; // HTTPS has no push; by default the SDK asks every 25 minutes

    @Override
    public String versions() {
        return "1.34.3 and 1.33.1";
    }

    /** The WebSocket of its service client has a buffer for 4 KB, and fills AMQP frames as large as the hub takes. */
    @Override
    public boolean breaksAtLargeFrames(Transport transport) {
        return transport == Transport.AMQPS_WS;
    }

    private static final class OfDevice implements Device {
        private final DeviceClient client;
        private final Mailbag<String> twinAnswers = new Mailbag<>("an answer about the twin");

        OfDevice(DeviceClient client, Transport transport) {
            this.client = client;
            if (transport == Transport.HTTPS) {
                client.setOption("SetMinimumPollingInterval", RECEIVE_INTERVAL_MS);
            }
        }

        @Override
        public void answer(Function<Received, Verdict> callback) {
            client.setMessageCallback((message, context) -> {
                Map<String, String> properties = new HashMap<>();
                for (MessageProperty property : message.getProperties()) {
                    properties.put(property.getName(), property.getValue());
                }
                return IotHubMessageResult.valueOf(callback.apply(new Received(message.getBytes(),
                    message.getMessageId(), message.getCorrelationId(), properties)).name());
            }, null);
        }

        @Override
        public void open() throws Exception {
            client.open(false);
        }

        @Override
        public void watch(Consumer<String> callback) {
            client.registerConnectionStatusChangeCallback(
                (status, reason, cause, context) -> callback.accept(status + " " + reason), null);
        }

        @Override
        public void neverRetry() {
            client.setRetryPolicy(new NoRetry());
        }

        @Override
        public String send(byte[] body, String messageId, Map<String, String> properties) throws Exception {
            var message = new com.microsoft.azure.sdk.iot.device.Message(body);
            message.setMessageId(messageId);
            properties.forEach(message::setProperty);
            Mailbag<String> outcome = new Mailbag<>("the outcome of telemetry");
            client.sendEventAsync(message, (status, context) -> outcome.put(spoken(status)), null);
            return outcome.take();
        }

        /** OK_EMPTY is what it makes of a 204. */
        private static String spoken(IotHubStatusCode status) {
            return status == IotHubStatusCode.OK_EMPTY ? "OK" : status.name();
        }

        /** The SDK tells properties one by one, those that are there and those that change. */
        @Override
        public Map<String, Object> twin(int count, Consumer<Object> changes) throws Exception {
            Map<String, Object> desired = new ConcurrentHashMap<>();
            CountDownLatch told = new CountDownLatch(count);
            TwinPropertyCallBack onProperty = (property, context) -> {
                if (told.getCount() == 0) {
                    changes.accept(property);
                } else if (!property.getIsReported()) {
                    desired.put(property.getKey(), property.getValue());
                    told.countDown();
                }
            };
            client.startDeviceTwin((status, context) -> twinAnswers.put(spoken(status)), null, onProperty, null);
            require("OK", twinAnswers.take());
            require("true", String.valueOf(told.await(20, TimeUnit.SECONDS)));
            return desired;
        }

        @Override
        public void report(String name, Object value) throws Exception {
            client.sendReportedProperties(Set.of(new Property(name, value)));
            require("OK", twinAnswers.take());
        }

        @Override
        public void subscribeToMethods() throws Exception {
            Mailbag<String> outcome = new Mailbag<>("the subscription to methods");
            client.subscribeToDeviceMethod((name, payload, context) -> new DeviceMethodData(200, "{}"), null,
                (status, context) -> outcome.put(spoken(status)), null);
            require("OK", outcome.take());
        }

        @Override
        public String upload() throws Exception {
            try {
                client.getFileUploadSasUri(new FileUploadSasUriRequest("file"));
            } catch (IOException refused) {
                return refused.getCause().getClass().getSimpleName();
            }
            return "OK";
        }

        private static void require(String wanted, String got) {
            if (!wanted.equals(got)) {
                throw new AssertionError("not " + wanted + " but " + got);
            }
        }

        @Override
        public void close() throws Exception {
            client.closeNow();
        }
    }

    private static IotHubClientProtocol protocol(Transport transport) {
        return IotHubClientProtocol.valueOf(transport.name());
    }

    /**
     * This line brings certificates of its own and asks the JVM for none. With TLS 1.3 its AMQP hangs in the
     * handshake; by itself it would ask for 1.2 as well.
     */
    private static SSLContext trust() throws Exception {
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        context.init(null, null, null);
        return context;
    }

    private static ClientOptions options(SSLContext context) {
        ClientOptions options = new ClientOptions();
        options.setSslContext(context);
        return options;
    }

    @Override
    public Device device(String connectionString, Transport transport) throws Exception {
        return device(connectionString, transport, trust());
    }

    @Override
    public Device device(String connectionString, Transport transport, SSLContext context) throws Exception {
        return new OfDevice(new DeviceClient(connectionString, protocol(transport), options(context)), transport);
    }

    @Override
    public Device device(String hostName, String id, Transport transport, Supplier<String> token) throws Exception {
        return new OfDevice(new DeviceClient(hostName, id, () -> token.get().toCharArray(), protocol(transport),
            options(trust())), transport);
    }

    @Override
    public Multiplexer multiplexer(String hostName, Transport transport) throws Exception {
        MultiplexingClient client = new MultiplexingClient(hostName, protocol(transport),
            com.microsoft.azure.sdk.iot.device.MultiplexingClientOptions.builder().sslContext(trust()).build());
        return new Multiplexer() {
            @Override
            public void register(List<Device> devices) throws Exception {
                client.registerDeviceClients(devices.stream().map(device -> ((OfDevice) device).client).toList());
            }

            @Override
            public void unregister(Device device) throws Exception {
                client.unregisterDeviceClient(((OfDevice) device).client);
            }

            @Override
            public void open() throws Exception {
                client.open(false);
            }

            @Override
            public void watch(Consumer<String> callback) {
                client.registerConnectionStatusChangeCallback(
                    (status, reason, cause, context) -> callback.accept(status + " " + reason), null);
            }

            @Override
            public void close() throws Exception {
                client.close();
            }
        };
    }

    private static IotHubServiceClientProtocol serviceProtocol(Transport transport) {
        return IotHubServiceClientProtocol.valueOf(transport.name());
    }

    private static ServiceClient serviceClient(String connectionString, Transport transport) throws Exception {
        return new ServiceClient(connectionString, serviceProtocol(transport),
            ServiceClientOptions.builder().sslContext(trust()).build());
    }

    @Override
    public Service service(String connectionString, Transport transport) throws Exception {
        ServiceClient client = serviceClient(connectionString, transport);
        return new Service() {
            @Override
            public void open() throws Exception {
                client.open();
            }

            @Override
            public void send(String deviceId, Sent sent) throws Exception {
                Message message = new Message(sent.body());
                message.setMessageId(sent.messageId());
                message.setCorrelationId(sent.correlationId());
                message.setUserId(sent.userId());
                message.setDeliveryAcknowledgement(DeliveryAcknowledgement.valueOf(
                    sent.ack().substring(0, 1) + sent.ack().substring(1).toLowerCase()));
                message.setExpiryTimeUtc(sent.expiry() == 0 ? null : new Date(sent.expiry()));
                message.setProperties(new HashMap<>(sent.properties()));
                client.send(deviceId, message);
            }

            @Override
            public void close() throws Exception {
                client.close();
            }
        };
    }

    @Override
    public AutoCloseable feedback(String connectionString, Transport transport, Function<List<Record>, Verdict> callback)
        throws Exception {
        FeedbackReceiver receiver = serviceClient(connectionString, transport).getFeedbackReceiver();
        receiver.open();
        Thread thread = new Thread(() -> {
            try {
                while (!Thread.currentThread().isInterrupted()) {
                    FeedbackBatch batch = receiver.receive(1000);
                    if (batch != null) {
                        callback.apply(batch.getRecords().stream().map(record -> new Record(record.getOriginalMessageId(),
                            record.getDeviceId(), record.getDeviceGenerationId(), String.valueOf(record.getStatusCode()),
                            record.getDescription())).toList());
                    }
                }
            } catch (Exception ended) {
                callback.apply(List.of(new Record(null, null, null, null, ended.toString())));
            }
        });
        thread.start();
        return () -> {
            thread.interrupt();
            thread.join();
            receiver.close();
        };
    }

    @Override
    public AutoCloseable fileNotifications(String connectionString, Transport transport) throws Exception {
        FileUploadNotificationReceiver receiver =
            serviceClient(connectionString, transport).getFileUploadNotificationReceiver();
        receiver.open();
        if (receiver.receive(500) != null) {
            throw new AssertionError("a notification of a file");
        }
        return receiver::close;
    }

    @Override
    public Map<String, Table.Cell> registryCalls(Hub hub) throws Exception {
        return new Registry1(hub).calls();
    }
}
