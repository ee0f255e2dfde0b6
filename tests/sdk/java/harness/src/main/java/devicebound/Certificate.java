package devicebound;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.HexFormat;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** A self-signed certificate of a device, made by the JDK's keytool. */
public final class Certificate {
    private static final String PASSWORD = "changeit";

    private final KeyStore store;

    public Certificate(String name) throws Exception {
        Path file = Files.createTempDirectory("devicebound-test-").resolve("device.p12");
        Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
            "-genkeypair", "-alias", "device", "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=" + name,
            "-validity", "2", "-storetype", "PKCS12", "-storepass", PASSWORD, "-keystore", file.toString())
            .redirectErrorStream(true).start();
        String said = new String(keytool.getInputStream().readAllBytes());
        if (keytool.waitFor() != 0) {
            throw new AssertionError(said);
        }
        store = KeyStore.getInstance("PKCS12");
        try (InputStream bytes = Files.newInputStream(file)) {
            store.load(bytes, PASSWORD.toCharArray());
        }
        Files.delete(file);
        Files.delete(file.getParent());
    }

    /** SHA-1 of it, as the registry takes it. */
    public String thumbprint() throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-1").digest(store.getCertificate("device").getEncoded());
        return HexFormat.of().withUpperCase().formatHex(hash);
    }

    /** Shows it, and trusts what the JVM trusts. */
    public SSLContext context() throws Exception {
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, PASSWORD.toCharArray());
        SSLContext context = SSLContext.getInstance("TLSv1.2");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }
}
