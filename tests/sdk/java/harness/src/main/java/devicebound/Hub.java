package devicebound;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A devicebound process on a loopback address of its own, on the ports that the SDKs insist on. The
 * script "run" names the program, and the directory of the CA that this JVM trusts.
 */
public final class Hub implements AutoCloseable {
    public static final String POLICY_KEY = base64("policy key of the SDK test suite".getBytes(StandardCharsets.UTF_8));
    private static final Pattern CONTROL = Pattern.compile("control=([0-9]+)");
    private static final HttpClient HTTP = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public final String address;
    private final Process process;
    private final Path log;
    private final String control;

    public Hub(String address, String... options) throws IOException {
        this.address = address;
        log = Files.createTempFile("devicebound-java-", ".log");
        List<String> command = new ArrayList<>(List.of(System.getProperty("devicebound.program"),
            "--bind", address, "--hostname", address, "--control-port", "0", "--in-memory",
            "--data-dir", System.getProperty("devicebound.authority"), "--shared-access-key", POLICY_KEY));
        command.addAll(List.of(options));
        process = new ProcessBuilder(command).redirectError(log.toFile()).start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        String ready = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        Matcher port = CONTROL.matcher(String.valueOf(ready));
        if (!port.find()) {
            throw new AssertionError("no ready line but " + ready + "\n" + Files.readString(log));
        }
        control = "http://" + address + ":" + port.group(1) + "/control/v1";
    }

    /** Ends it as an operator would. */
    @Override
    public void close() throws Exception {
        process.destroy();
        boolean ended = process.waitFor(15, TimeUnit.SECONDS);
        String said = Files.readString(log);
        Files.delete(log);
        if (!ended || process.exitValue() != 0) {
            throw new AssertionError("the hub did not end well\n" + said);
        }
    }

    public JsonElement ask(String method, String route, String body) throws IOException {
        return send(HttpRequest.newBuilder(URI.create(control + route)), method, body);
    }

    private static JsonElement send(HttpRequest.Builder builder, String method, String body) throws IOException {
        HttpRequest request = builder.header("Content-Type", "application/json").method(method,
            body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body)).build();
        try {
            HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() >= 300) {
                throw new AssertionError(request + ": " + answer.statusCode() + " " + answer.body());
            }
            return JsonParser.parseString(answer.body());
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    /** Moves the hub's clock by an ISO 8601 duration; what fell due has run when this returns. */
    public void advance(String by) throws IOException {
        ask("POST", "/clock/advance", "{\"by\":\"" + by + "\"}");
    }

    /** In milliseconds since 1970. */
    public long now() throws IOException {
        return Instant.parse(ask("GET", "/clock", null).getAsJsonObject().get("now").getAsString()).toEpochMilli();
    }

    public void flushFeedback() throws IOException {
        ask("POST", "/feedback/flush", null);
    }

    /** A device with the key of its id. */
    public void add(String id) throws IOException {
        put(id, "{\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" + keyOf(id)
            + "\",\"secondaryKey\":\"" + keyOf("second " + id) + "\"}}}");
    }

    public void put(String id, String fields) throws IOException {
        ask("PUT", "/devices/" + id, fields);
    }

    /** As soon as that many of these events exist, they. */
    public List<JsonObject> await(String event, String device, int count) throws IOException {
        return list("entries", "/wait?timeout=PT15S&count=" + count + "&event=" + event + "&device=" + encode(device));
    }

    /** What the hub has of a device's messages, oldest first. */
    public List<JsonObject> telemetry(String device) throws IOException {
        return list("items", "/devices/" + encode(device) + "/telemetry");
    }

    /** Resets every connection of that device; with null, of every device. */
    public void drop(String device) throws IOException {
        for (JsonObject connection : list("items", "/connections?limit=1000")) {
            String identity = connection.get("identity").isJsonNull() ? "" : connection.get("identity").getAsString();
            if (device == null ? !identity.equals("service") : identity.equals(device)) {
                ask("DELETE", "/connections/" + connection.get("id").getAsInt() + "?how=reset", null);
            }
        }
    }

    private List<JsonObject> list(String member, String route) throws IOException {
        List<JsonObject> found = new ArrayList<>();
        ask("GET", route, null).getAsJsonObject().getAsJsonArray(member)
            .forEach(one -> found.add(one.getAsJsonObject()));
        return found;
    }

    public String serviceConnectionString(String policy, String key) {
        return "HostName=" + address + ";SharedAccessKeyName=" + policy + ";SharedAccessKey=" + key;
    }

    public String serviceConnectionString() {
        return serviceConnectionString("iothubowner", POLICY_KEY);
    }

    public String deviceConnectionString(String id, String key) {
        return "HostName=" + address + ";DeviceId=" + id + ";SharedAccessKey=" + key;
    }

    public String deviceConnectionString(String id) {
        return deviceConnectionString(id, keyOf(id));
    }

    public String deviceToken(String id) {
        return token(address + "/devices/" + id, keyOf(id), "");
    }

    private static String token(String resource, String key, String policy) {
        long expiry = System.currentTimeMillis() / 1000 + 3600;
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(Base64.getDecoder().decode(key), "HmacSHA256"));
            byte[] signature = mac.doFinal((encode(resource) + "\n" + expiry).getBytes(StandardCharsets.UTF_8));
            return "SharedAccessSignature sr=" + encode(resource) + "&sig=" + encode(base64(signature)) + "&se=" + expiry
                + policy;
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** As a back end does it. */
    public void patchTwin(String id, String patch) throws IOException {
        send(HttpRequest.newBuilder(URI.create("https://" + address + "/twins/" + id + "?api-version=2021-04-12"))
            .header("Authorization", token(address, POLICY_KEY, "&skn=service")), "PATCH", patch);
    }

    public static String keyOf(String id) {
        try {
            return base64(MessageDigest.getInstance("SHA-256")
                .digest(("device key of " + id).getBytes(StandardCharsets.UTF_8)));
        } catch (GeneralSecurityException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
