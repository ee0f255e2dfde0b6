import static org.junit.jupiter.api.Assertions.assertEquals;

import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.service.messaging.AcknowledgementType;
import com.microsoft.azure.sdk.iot.service.messaging.DeliveryAcknowledgement;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackRecord;
import com.microsoft.azure.sdk.iot.service.messaging.FeedbackStatusCode;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.Message;
import com.microsoft.azure.sdk.iot.service.messaging.MessageFeedbackProcessorClient;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Back end, hub and device together, without the cloud. Each test has a device of its own. */
class LampTest {
    private static final int PATIENCE = 10; // seconds, for what takes milliseconds

    @TempDir
    static Path folder;

    private static Hub hub;
    private static MessagingClient service;
    private static MessageFeedbackProcessorClient feedback;
    private static final BlockingQueue<FeedbackRecord> records = new LinkedBlockingQueue<>();

    @BeforeAll
    static void start() throws Exception {
        hub = new Hub(folder);
        service = new MessagingClient(hub.service(), IotHubServiceClientProtocol.AMQPS);
        service.open();
        feedback = new MessageFeedbackProcessorClient(hub.service(), IotHubServiceClientProtocol.AMQPS, batch -> {
            records.addAll(batch.getRecords());
            return AcknowledgementType.COMPLETE;
        });
        feedback.start();
    }

    @AfterAll
    static void stop() throws Exception {
        feedback.stop();
        service.close();
        hub.close();
    }

    private static void send(String deviceId, String command) throws Exception {
        Message message = new Message(command);
        message.setMessageId(deviceId + "-" + command);
        message.setDeliveryAcknowledgement(DeliveryAcknowledgement.Full);
        service.send(deviceId, message);
    }

    private static void assertOutcome(String messageId, FeedbackStatusCode outcome) throws Exception {
        hub.flushFeedback();
        FeedbackRecord record = records.poll(PATIENCE, TimeUnit.SECONDS);
        assertEquals(messageId, record.getOriginalMessageId());
        assertEquals(outcome, record.getStatusCode());
    }

    @ParameterizedTest
    @EnumSource(IotHubClientProtocol.class)
    void a_lamp_is_switched_on_and_the_back_end_learns_that_it_is(IotHubClientProtocol protocol) throws Exception {
        BlockingQueue<String> commands = new LinkedBlockingQueue<>();
        DeviceClient lamp = new DeviceClient(hub.device("lamp-" + protocol), protocol);
        lamp.setMessageCallback((message, context) -> {
            commands.add(new String(message.getBytes()));
            return IotHubMessageResult.COMPLETE;
        }, null);
        lamp.open(true);
        send("lamp-" + protocol, "on");
        assertEquals("on", commands.poll(PATIENCE, TimeUnit.SECONDS));
        hub.ask("GET", "/control/v1/wait?device=lamp-" + protocol + "&event=completed&timeout=PT10S", "");
        assertOutcome("lamp-" + protocol + "-on", FeedbackStatusCode.success);
        lamp.close();
    }

    @Test
    void a_command_does_not_wait_for_ever() throws Exception {
        hub.device("attic");
        send("attic", "on");
        hub.advance("PT1H1S");
        assertOutcome("attic-on", FeedbackStatusCode.expired);
    }
}
