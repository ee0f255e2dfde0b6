package devicebound;

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.net.ssl.SSLContext;

/** What the tests ask of a line of the SDK, in its own words where the lines differ. */
public interface Sdk {
    enum Transport {
        AMQPS, AMQPS_WS, MQTT, MQTT_WS, HTTPS;

        public boolean isMqtt() {
            return this == MQTT || this == MQTT_WS;
        }

        public boolean isAmqp() {
            return this == AMQPS || this == AMQPS_WS;
        }
    }

    /** What a device's callback says of a message: names of IotHubMessageResult. */
    enum Verdict { COMPLETE, ABANDON, REJECT }

    record Received(byte[] body, String messageId, String correlationId, Map<String, String> properties) { }

    /** expiry: milliseconds since 1970, or 0; ack: a name of DeliveryAcknowledgement. */
    record Sent(byte[] body, String messageId, String correlationId, String userId, String ack, long expiry,
        Map<String, String> properties) { }

    record Record(String messageId, String deviceId, String generationId, String status, String description) { }

    interface Device extends AutoCloseable {
        /** How each message is answered; before open. */
        void answer(Function<Received, Verdict> callback) throws Exception;

        void open() throws Exception;

        /** Each change of the connection as "STATUS REASON"; before open. */
        void watch(Consumer<String> callback) throws Exception;

        void neverRetry();

        /** Gives the name of the outcome. */
        String send(byte[] body, String messageId, Map<String, String> properties) throws Exception;

        /** The desired properties, of which there are `count`. Subscribes to their changes, which go to `changes`. */
        Map<String, Object> twin(int count, Consumer<Object> changes) throws Exception;

        void report(String name, Object value) throws Exception;

        void subscribeToMethods() throws Exception;

        /** Asks where to put a file. Gives the name of the outcome. */
        String upload() throws Exception;
    }

    interface Service extends AutoCloseable {
        void open() throws Exception;

        void send(String deviceId, Sent message) throws Exception;
    }

    interface Multiplexer extends AutoCloseable {
        void register(List<Device> devices) throws Exception;

        void unregister(Device device) throws Exception;

        void open() throws Exception;

        void watch(Consumer<String> callback) throws Exception;
    }

    /** Of the device client and the service client. */
    String versions();

    /** Whether the SDK itself fails at more than a few KB over this transport. */
    default boolean breaksAtLargeFrames(Transport transport) {
        return false;
    }

    /** With a connection string that has a key or a token. */
    Device device(String connectionString, Transport transport) throws Exception;

    /** With a certificate. */
    Device device(String connectionString, Transport transport, SSLContext context) throws Exception;

    /** With a token that a callback gives. */
    Device device(String hostName, String id, Transport transport, Supplier<String> token)
        throws Exception;

    Multiplexer multiplexer(String hostName, Transport transport) throws Exception;

    Service service(String connectionString, Transport transport) throws Exception;

    /** Feedback by batches; the callback says whether a batch is completed. Closed when no more is wanted. */
    AutoCloseable feedback(String connectionString, Transport transport, Function<List<Record>, Verdict> callback)
        throws Exception;

    /** Notifications of files uploaded, of which there are none. */
    AutoCloseable fileNotifications(String connectionString, Transport transport) throws Exception;

    /** Calls of the registry by their names; each gives what stands in the table. */
    Map<String, Table.Cell> registryCalls(Hub hub) throws Exception;
}
