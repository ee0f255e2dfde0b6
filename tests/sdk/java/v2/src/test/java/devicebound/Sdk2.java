package devicebound;

import com.microsoft.azure.sdk.iot.device.ClientOptions;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.FileUploadSasUriRequest;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.IotHubStatusCode;
import com.microsoft.azure.sdk.iot.device.MessageProperty;
import com.microsoft.azure.sdk.iot.device.MultiplexingClient;
import com.microsoft.azure.sdk.iot.device.exceptions.IotHubClientException;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.TwinCollection;
import com.microsoft.azure.sdk.iot.service.messaging.AcknowledgementType;
import com.microsoft.azure.sdk.iot.service.messaging.DeliveryAcknowledgement;
import com.microsoft.azure.sdk.iot.service.messaging.FileUploadNotificationProcessorClient;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.Message;
import com.microsoft.azure.sdk.iot.service.messaging.MessageFeedbackProcessorClient;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;

/** iot-device-client and iot-service-client 2. */
final class Sdk2 implements Sdk {
    private static final int ANSWER_MS = 3000;
    private static final int RECEIVE_INTERVAL_MS = 20; // HTTPS has no push; by default the SDK asks every 25 minutes

    @Override
    public String versions() {
        return "2.5.0 and 2.1.9";
    }

    private static final class OfDevice implements Device {
        private final DeviceClient client;

        OfDevice(DeviceClient client) {
            this.client = client;
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
            client.setConnectionStatusChangeCallback(
                change -> callback.accept(change.getNewStatus() + " " + change.getNewStatusReason()), null);
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
            try {
                client.sendEvent(message);
            } catch (IotHubClientException refused) {
                return refused.getStatusCode().name();
            }
            return "OK";
        }

        @Override
        public Map<String, Object> twin(int count, Consumer<Object> changes) throws Exception {
            client.subscribeToDesiredProperties((twin, context) -> changes.accept(twin.getDesiredProperties()), null);
            return untilAnswered(() -> client.getTwin(ANSWER_MS)).getDesiredProperties();
        }

        @Override
        public void report(String name, Object value) throws Exception {
            TwinCollection reported = new TwinCollection();
            reported.put(name, value);
            untilAnswered(() -> client.updateReportedProperties(reported, ANSWER_MS));
        }

        /**
         * The SDK loses an answer when its receiving thread has done with it, and so forgotten who asked,
         * before the thread that read it looks that up (IotHubTransport.onMessageReceived).
         */
        private static <T> T untilAnswered(Callable<T> request) throws Exception {
            for (int tries = 5;; tries--) {
                try {
                    return request.call();
                } catch (IotHubClientException late) {
                    if (tries == 0 || late.getStatusCode() != IotHubStatusCode.DEVICE_OPERATION_TIMED_OUT) {
                        throw late;
                    }
                }
            }
        }

        @Override
        public void subscribeToMethods() throws Exception {
            client.subscribeToMethods((name, payload, context) -> new DirectMethodResponse(200, null), null);
        }

        @Override
        public String upload() {
            try {
                client.getFileUploadSasUri(new FileUploadSasUriRequest("file"));
            } catch (IotHubClientException refused) {
                return refused.getStatusCode().name();
            }
            return "OK";
        }

        @Override
        public void close() {
            client.close();
        }
    }

    private static IotHubClientProtocol protocol(Transport transport) {
        return IotHubClientProtocol.valueOf(transport.name());
    }

    private static ClientOptions.ClientOptionsBuilder options() {
        return ClientOptions.builder().receiveInterval(RECEIVE_INTERVAL_MS);
    }

    @Override
    public Device device(String connectionString, Transport transport) {
        return new OfDevice(new DeviceClient(connectionString, protocol(transport), options().build()));
    }

    @Override
    public Device device(String connectionString, Transport transport, SSLContext context) {
        return new OfDevice(new DeviceClient(connectionString, protocol(transport), options().sslContext(context).build()));
    }

    @Override
    public Device device(String hostName, String id, Transport transport, Supplier<String> token) {
        return new OfDevice(new DeviceClient(hostName, id, () -> token.get().toCharArray(), protocol(transport), options().build()));
    }

    @Override
    public Multiplexer multiplexer(String hostName, Transport transport) {
        MultiplexingClient client = new MultiplexingClient(hostName, protocol(transport));
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
                client.setConnectionStatusChangeCallback(
                    change -> callback.accept(change.getNewStatus() + " " + change.getNewStatusReason()), null);
            }

            @Override
            public void close() {
                client.close();
            }
        };
    }

    private static IotHubServiceClientProtocol serviceProtocol(Transport transport) {
        return IotHubServiceClientProtocol.valueOf(transport.name());
    }

    @Override
    public Service service(String connectionString, Transport transport) {
        MessagingClient client = new MessagingClient(connectionString, serviceProtocol(transport));
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
        MessageFeedbackProcessorClient client = new MessageFeedbackProcessorClient(connectionString, serviceProtocol(transport),
            batch -> AcknowledgementType.valueOf(callback.apply(batch.getRecords().stream().map(record -> new Record(
                record.getOriginalMessageId(), record.getDeviceId(), record.getDeviceGenerationId(),
                String.valueOf(record.getStatusCode()), record.getDescription())).toList()).name()));
        client.start();
        return client::stop;
    }

    @Override
    public AutoCloseable fileNotifications(String connectionString, Transport transport) throws Exception {
        FileUploadNotificationProcessorClient client = new FileUploadNotificationProcessorClient(connectionString,
            serviceProtocol(transport), notification -> AcknowledgementType.COMPLETE);
        client.start();
        return client::stop;
    }

    @Override
    public Map<String, Table.Cell> registryCalls(Hub hub) {
        return new Registry2(hub).calls();
    }
}
