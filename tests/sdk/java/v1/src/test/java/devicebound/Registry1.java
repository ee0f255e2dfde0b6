package devicebound;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.azure.sdk.iot.service.Device;
import com.microsoft.azure.sdk.iot.service.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.Module;
import com.microsoft.azure.sdk.iot.service.RegistryManager;
import com.microsoft.azure.sdk.iot.service.auth.AuthenticationType;
import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceMethod;
import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceTwin;
import com.microsoft.azure.sdk.iot.service.devicetwin.DeviceTwinDevice;
import com.microsoft.azure.sdk.iot.service.devicetwin.Pair;
import com.microsoft.azure.sdk.iot.service.devicetwin.Query;
import com.microsoft.azure.sdk.iot.service.devicetwin.RawTwinQuery;
import com.microsoft.azure.sdk.iot.service.exceptions.IotHubException;
import com.microsoft.azure.sdk.iot.service.jobs.JobClient;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.function.Executable;

/** The calls of RegistryManager and DeviceTwin. */
final class Registry1 {
    private final Hub hub;
    private final RegistryManager registry;
    private final DeviceTwin twins;
    private final RawTwinQuery queries;
    private final JobClient jobs;
    private final DeviceMethod methods;
    private int last;

    Registry1(Hub hub) {
        this.hub = hub;
        String connectionString = hub.serviceConnectionString();
        registry = new RegistryManager(connectionString);
        twins = new DeviceTwin(connectionString);
        queries = new RawTwinQuery(connectionString);
        jobs = new JobClient(connectionString);
        methods = new DeviceMethod(connectionString);
    }

    private Device make() {
        return Device.createFromId("fresh-" + ++last, DeviceStatus.Enabled, null);
    }

    private Device fresh() throws Exception {
        return registry.addDevice(make());
    }

    private DeviceTwinDevice twinOf(String device) throws Exception {
        DeviceTwinDevice twin = new DeviceTwinDevice(device);
        twins.getTwin(twin);
        return twin;
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
            assertFalse(device.geteTag().isEmpty());
            return refused(() -> registry.addDevice(Device.createFromId(device.getDeviceId(), null, null)));
        });
        calls.put("addDevice, self-signed", () -> {
            Device device = Device.createDevice("fresh-" + ++last, AuthenticationType.SELF_SIGNED);
            device.setThumbprintFinal("A".repeat(40), "B".repeat(40));
            assertEquals("A".repeat(40), registry.addDevice(device).getPrimaryThumbprint());
            return "ok";
        });
        calls.put("addDevice, of a CA", () -> {
            Device device = registry.addDevice(Device.createDevice("fresh-" + ++last, AuthenticationType.CERTIFICATE_AUTHORITY));
            assertEquals(AuthenticationType.CERTIFICATE_AUTHORITY, device.getAuthenticationType());
            return "ok";
        });
        calls.put("getDevice", () -> {
            Device device = fresh();
            assertEquals(device.geteTag(), registry.getDevice(device.getDeviceId()).geteTag());
            return refused(() -> registry.getDevice("nobody"));
        });
        calls.put("getDevices", () -> {
            Device device = fresh();
            assertTrue(registry.getDevices(1000).stream().anyMatch(one -> one.getDeviceId().equals(device.getDeviceId())));
            return "ok";
        });
        calls.put("updateDevice", () -> {
            Device device = fresh();
            device.setStatus(DeviceStatus.Disabled);
            assertEquals(DeviceStatus.Disabled, registry.updateDevice(device).getStatus());
            return refused(() -> registry.updateDevice(make()));
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
        calls.put("wrong key", () -> refused(() -> new RegistryManager(
            hub.serviceConnectionString("iothubowner", Hub.keyOf("another"))).getDevice("nobody")));
        calls.put("addModule, getModule", () -> {
            String device = fresh().getDeviceId();
            registry.addModule(Module.createFromId(device, "m", null));
            assertEquals("m", registry.getModule(device, "m").getId());
            assertEquals(1, registry.getModulesOnDevice(device).size());
            return refused(() -> registry.addModule(Module.createFromId(device, "m", null)));
        });
        calls.put("updateModule, removeModule", () -> {
            String device = fresh().getDeviceId();
            Module module = registry.addModule(Module.createFromId(device, "m", null));
            registry.updateModule(module);
            registry.removeModule(registry.getModule(device, "m"));
            return refused(() -> registry.removeModule(device, "m"));
        });
        calls.put("get a twin", () -> {
            assertEquals(2, twinOf(fresh().getDeviceId()).getVersion());
            return refused(() -> twinOf("nobody"));
        });
        calls.put("patch a twin", () -> {
            DeviceTwinDevice twin = new DeviceTwinDevice(fresh().getDeviceId());
            twin.setTags(new HashSet<>(Set.of(new Pair("floor", "1"))));
            twin.setDesiredProperties(new HashSet<>(Set.of(new Pair("light", "on"))));
            twins.updateTwin(twin);
            DeviceTwinDevice changed = twinOf(twin.getDeviceId());
            assertEquals("on", changed.getDesiredProperties().iterator().next().getValue());
            assertEquals(2, changed.getDesiredPropertiesVersion());
            DeviceTwinDevice nobody = new DeviceTwinDevice("nobody");
            nobody.setTags(twin.getTags());
            return refused(() -> twins.updateTwin(nobody));
        });
        calls.put("replace a twin", () -> {
            DeviceTwinDevice twin = twinOf(fresh().getDeviceId());
            twin.setTags(new HashSet<>(Set.of(new Pair("floor", "1"))));
            assertEquals(1, twins.replaceTwin(twin).getTags().size());
            DeviceTwinDevice empty = new DeviceTwinDevice(twin.getDeviceId());
            empty.setTags(new HashSet<>());
            assertEquals(0, twins.replaceTwin(empty).getTags().size());
            return "ok";
        });
        calls.put("query twins", () -> {
            Set<String> made = new TreeSet<>();
            for (int i = 0; i < 3; i++) {
                DeviceTwinDevice twin = new DeviceTwinDevice(fresh().getDeviceId());
                twin.setTags(new HashSet<>(Set.of(new Pair("query", "yes"))));
                twins.updateTwin(twin);
                made.add(twin.getDeviceId());
            }
            Set<String> found = new TreeSet<>();
            Query answer = twins.queryTwin("SELECT * FROM devices WHERE tags.query = 'yes'", 2);
            while (twins.hasNextDeviceTwin(answer)) {
                found.add(twins.getNextDeviceTwin(answer).getDeviceId());
            }
            assertEquals(made, found);
            return refused(() -> twins.queryTwin("SELECT * FROM nowhere", 2));
        });
        calls.put("query raw", () -> {
            Query answer = queries.query("SELECT COUNT() AS number FROM devices", 10);
            assertTrue(queries.hasNext(answer));
            assertEquals("{\"number\":" + registry.getStatistics().getTotalDeviceCount() + "}", queries.next(answer));
            return "ok";
        });
        calls.put("query jobs", () -> refused(() -> jobs.getJob("j")));
        calls.put("configurations", () -> refused(() -> registry.getConfigurations(10)));
        calls.put("invoke a method", () -> {
            String device = fresh().getDeviceId();
            return refused(() -> methods.invoke(device, "m", 5L, 5L, null));
        });
        calls.put("exportDevices", () -> refused(() -> registry.exportDevices("https://127.0.0.1/container?sas", true)));
        return calls;
    }
}
