package devicebound;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.microsoft.azure.sdk.iot.service.auth.AuthenticationType;
import com.microsoft.azure.sdk.iot.service.configurations.ConfigurationsClient;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.jobs.ScheduledJobsClient;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.query.QueryPageOptions;
import com.microsoft.azure.sdk.iot.service.query.RawQueryResponse;
import com.microsoft.azure.sdk.iot.service.query.TwinQueryResponse;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.Module;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.function.Executable;

/** The calls of RegistryClient, TwinClient and QueryClient. */
final class Registry2 {
    private final Hub hub;
    private final RegistryClient registry;
    private final TwinClient twins;
    private final QueryClient queries;
    private final ConfigurationsClient configurations;
    private final ScheduledJobsClient jobs;
    private final DirectMethodsClient methods;
    private int last;

    Registry2(Hub hub) {
        this.hub = hub;
        String connectionString = hub.serviceConnectionString();
        registry = new RegistryClient(connectionString);
        twins = new TwinClient(connectionString);
        queries = new QueryClient(connectionString);
        configurations = new ConfigurationsClient(connectionString);
        jobs = new ScheduledJobsClient(connectionString);
        methods = new DirectMethodsClient(connectionString);
    }

    private Device fresh() throws Exception {
        return registry.addDevice(new Device("fresh-" + ++last));
    }

    /** The SDK's class of the refusal, and the hub's number of it. */
    private static String refused(Executable call) {
        IotHubException refusal = assertThrows(IotHubException.class, call);
        return refusal.getClass().getSimpleName() + " " + refusal.getErrorCode();
    }

    Map<String, Table.Cell> calls() {
        Map<String, Table.Cell> calls = new LinkedHashMap<>();
        calls.put("addDevice", () -> {
            Device device = fresh();
            assertEquals(DeviceStatus.Enabled, device.getStatus());
            assertEquals(device.getPrimaryKey(), registry.getDevice(device.getDeviceId()).getPrimaryKey());
            assertFalse(device.getETag().isEmpty());
            return refused(() -> registry.addDevice(new Device(device.getDeviceId())));
        });
        calls.put("addDevice, self-signed", () -> {
            Device device = new Device("fresh-" + ++last, AuthenticationType.SELF_SIGNED);
            device.setThumbprint("A".repeat(40), "B".repeat(40));
            assertEquals("A".repeat(40), registry.addDevice(device).getPrimaryThumbprint());
            return "ok";
        });
        calls.put("addDevice, of a CA", () -> {
            Device device = registry.addDevice(new Device("fresh-" + ++last, AuthenticationType.CERTIFICATE_AUTHORITY));
            assertEquals(AuthenticationType.CERTIFICATE_AUTHORITY, device.getAuthenticationType());
            return "ok";
        });
        calls.put("getDevice", () -> {
            Device device = fresh();
            assertEquals(device.getETag(), registry.getDevice(device.getDeviceId()).getETag());
            return refused(() -> registry.getDevice("nobody"));
        });
        calls.put("updateDevice", () -> {
            Device device = fresh();
            device.setStatus(DeviceStatus.Disabled);
            Device changed = registry.updateDevice(device);
            assertEquals(DeviceStatus.Disabled, changed.getStatus());
            return refused(() -> registry.updateDevice(new Device("nobody")));
        });
        calls.put("removeDevice", () -> {
            registry.removeDevice(fresh().getDeviceId());
            registry.removeDevice(fresh());
            return refused(() -> registry.removeDevice("nobody"));
        });
        calls.put("removeDevice, changed since", () -> {
            Device device = fresh();
            registry.updateDevice(registry.getDevice(device.getDeviceId()));
            return refused(() -> registry.removeDevice(device));
        });
        calls.put("getStatistics", () -> {
            long before = registry.getStatistics().getTotalDeviceCount();
            fresh();
            assertEquals(before + 1, registry.getStatistics().getTotalDeviceCount());
            return "ok";
        });
        calls.put("wrong key", () -> refused(() -> new RegistryClient(
            hub.serviceConnectionString("iothubowner", Hub.keyOf("another"))).getDevice("nobody")));
        calls.put("addModule, getModule", () -> {
            String device = fresh().getDeviceId();
            registry.addModule(new Module(device, "m"));
            assertEquals("m", registry.getModule(device, "m").getId());
            assertEquals(1, registry.getModulesOnDevice(device).size());
            return refused(() -> registry.addModule(new Module(device, "m")));
        });
        calls.put("updateModule, removeModule", () -> {
            String device = fresh().getDeviceId();
            Module module = registry.addModule(new Module(device, "m"));
            registry.updateModule(module);
            registry.removeModule(registry.getModule(device, "m"));
            return refused(() -> registry.removeModule(device, "m"));
        });
        calls.put("get a twin", () -> {
            Twin twin = twins.get(fresh().getDeviceId());
            assertEquals(1, twin.getDesiredProperties().getVersion());
            return refused(() -> twins.get("nobody"));
        });
        calls.put("patch a twin", () -> {
            Twin twin = twins.get(fresh().getDeviceId());
            twin.getTags().put("floor", "1");
            twin.getDesiredProperties().put("light", "on");
            Twin changed = twins.patch(twin);
            assertEquals("1", changed.getTags().get("floor"));
            assertEquals("on", twins.get(twin.getDeviceId()).getDesiredProperties().get("light"));
            return refused(() -> twins.patch(twin, twin.getETag()));
        });
        calls.put("replace a twin", () -> {
            Twin twin = twins.get(fresh().getDeviceId());
            twin.getTags().put("floor", "1");
            Twin changed = twins.replace(twin);
            changed.getTags().clear();
            assertEquals(Set.of(), twins.replace(changed).getTags().keySet());
            return "ok";
        });
        calls.put("query twins", () -> {
            Set<String> made = new TreeSet<>();
            for (int i = 0; i < 3; i++) {
                Twin twin = twins.get(fresh().getDeviceId());
                twin.getTags().put("query", "yes");
                made.add(twins.patch(twin).getDeviceId());
            }
            Set<String> found = new TreeSet<>();
            TwinQueryResponse answer = queries.queryTwins("SELECT * FROM devices WHERE tags.query = 'yes'",
                QueryPageOptions.builder().pageSize(2).build());
            while (answer.hasNext()) {
                found.add(answer.next().getDeviceId());
            }
            assertEquals(made, found);
            return refused(() -> queries.queryTwins("SELECT * FROM nowhere"));
        });
        calls.put("query raw", () -> {
            RawQueryResponse answer = queries.queryRaw("SELECT COUNT() AS number FROM devices");
            assertEquals("{\"number\":" + registry.getStatistics().getTotalDeviceCount() + "}", answer.next());
            return "ok";
        });
        calls.put("query jobs", () -> refused(() -> jobs.get("j")));
        calls.put("configurations", () -> refused(() -> configurations.get(10)));
        calls.put("invoke a method", () -> {
            String device = fresh().getDeviceId();
            return refused(() -> methods.invoke(device, "m"));
        });
        calls.put("exportDevices", () -> refused(() -> registry.exportDevices("https://127.0.0.1/container?sas", true)));
        return calls;
    }
}
