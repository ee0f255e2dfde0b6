import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A hub for a test class: started in milliseconds, in memory. Its settings are environment variables. */
final class Hub implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("devicebound ready .*control=(\\d+) hostname=(\\S+)");
    private static final String PASSWORD = "changeit";

    private final HttpClient client = HttpClient.newHttpClient();
    private final Process process;
    private final String url;

    /** Clients may come as soon as it is made: the hub says so in its first line. */
    Hub(Path folder) throws Exception {
        String program = System.getenv().getOrDefault("DEVICEBOUND", "devicebound");
        process = new ProcessBuilder(program, "--in-memory", "--control-port", "0", "--data-dir", folder.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String line = new BufferedReader(new InputStreamReader(process.getInputStream())).readLine();
        Matcher ready = READY.matcher(line == null ? "" : line);
        if (!ready.matches()) {
            throw new IllegalStateException("the hub did not start");
        }
        url = "http://" + ready.group(2) + ":" + ready.group(1);
        trust(folder);
    }

    /** For this process, which must not have spoken TLS before: it reads these settings once. */
    private static void trust(Path folder) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream file = Files.newInputStream(folder.resolve("ca.pem"))) {
            store.setCertificateEntry("devicebound", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        Path trust = folder.resolve("trust.p12");
        try (OutputStream file = Files.newOutputStream(trust)) {
            store.store(file, PASSWORD.toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", trust.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", PASSWORD);
    }

    /** Asks the control API. */
    JsonElement ask(String method, String path, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + path))
                .method(method, BodyPublishers.ofString(body)).header("content-type", "application/json").build();
        String answer = client.send(request, BodyHandlers.ofString()).body();
        return JsonParser.parseString(answer);
    }

    String service() throws Exception {
        for (JsonElement policy : ask("GET", "/control/v1/hub", "").getAsJsonObject().getAsJsonArray("policies")) {
            if (policy.getAsJsonObject().get("name").getAsString().equals("service")) {
                return policy.getAsJsonObject().get("connectionString").getAsString();
            }
        }
        throw new IllegalStateException("the hub has no such policy");
    }

    /** A device of that id, new if there is none. Gives its connection string. */
    String device(String id) throws Exception {
        return ask("PUT", "/control/v1/devices/" + id, "{}").getAsJsonObject().get("connectionString").getAsString();
    }

    /** Moves its clock. What falls due until then has happened when this returns. */
    void advance(String by) throws Exception {
        ask("POST", "/control/v1/clock/advance", "{\"by\":\"" + by + "\"}");
    }

    /** Feedback would come up to 15 seconds after the fact. */
    void flushFeedback() throws Exception {
        ask("POST", "/control/v1/feedback/flush", "");
    }

    @Override
    public void close() throws Exception {
        process.destroy();
        process.waitFor();
    }
}
