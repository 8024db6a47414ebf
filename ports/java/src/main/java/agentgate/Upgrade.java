package agentgate;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/** The opening handshake: a socket, TLS if it is asked for, and HTTP. */
final class Upgrade {
    private static final int HEAD = 16_384;
    private static final String MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /** That the other end answered with another status than 101. */
    static final class Refused extends IOException {
        private static final long serialVersionUID = 1L;
        final int status;
        final String retryAfter;

        Refused(int status, String retryAfter) {
            super("HTTP status " + status);
            this.status = status;
            this.retryAfter = retryAfter;
        }
    }

    private Upgrade() {
    }

    /**
     * Looks at an address before anything is sent there (T4).
     *
     * @throws IllegalArgumentException if it is none, or a token would travel in the clear
     */
    static void check(URI uri, boolean insecure) {
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (!(scheme.equals("ws") || scheme.equals("wss")) || uri.getHost() == null || uri.getUserInfo() != null) {
            throw new IllegalArgumentException("the address of a gateway is ws://HOST:PORT or wss://HOST:PORT");
        }
        if (scheme.equals("ws") && !insecure && !local(host(uri))) {
            throw new IllegalArgumentException("ws:// is for this machine: elsewhere a token would travel in the clear;"
                    + " use wss://, or insist by insecure()");
        }
    }

    private static boolean local(String host) {
        try {
            for (InetAddress each : InetAddress.getAllByName(host)) {
                if (!each.isLoopbackAddress()) {
                    return false;
                }
            }
            return true;
        } catch (IOException unknown) {
            return false;
        }
    }

    private static String host(URI uri) {
        return uri.getHost().replaceAll("^\\[|]$", "");
    }

    /** Connects; {@code socket} is what the caller can close to end it early. */
    static Socket connect(URI uri, Socket plain, int millis) throws IOException {
        boolean secure = "wss".equalsIgnoreCase(uri.getScheme());
        int port = uri.getPort() >= 0 ? uri.getPort() : secure ? 443 : 80;
        plain.setTcpNoDelay(true);
        plain.connect(new InetSocketAddress(host(uri), port), millis);
        plain.setSoTimeout(millis);
        if (!secure) {
            return plain;
        }
        SSLSocketFactory factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        SSLSocket socket = (SSLSocket) factory.createSocket(plain, host(uri), port, true);
        SSLParameters parameters = socket.getSSLParameters();
        // Without this the JDK checks the chain, but not the name (T3).
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        return socket;
    }

    static void shake(URI uri, Socket socket, InputStream in) throws IOException {
        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        String key = Base64.getEncoder().encodeToString(nonce);
        String path = uri.getRawPath() == null || uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        String host = uri.getHost() + (uri.getPort() >= 0 ? ":" + uri.getPort() : "");
        String head = "GET " + path + query + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\n"
                + "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n";
        socket.getOutputStream().write(head.getBytes(StandardCharsets.ISO_8859_1));
        socket.getOutputStream().flush();
        String[] lines = head(in).split("\r?\n");
        Map<String, String> headers = new HashMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon > 0) {
                headers.put(lines[i].substring(0, colon).trim().toLowerCase(Locale.ROOT),
                        lines[i].substring(colon + 1).trim());
            }
        }
        if (!lines[0].matches("HTTP/1\\.[01] [1-5][0-9][0-9]( .*)?")) {
            throw new IOException("the answer to the upgrade is no HTTP");
        }
        int status = Integer.parseInt(lines[0].substring(9, 12));
        if (status != 101) {
            throw new Refused(status, headers.get("retry-after"));
        }
        if (!accept(key).equals(headers.get("sec-websocket-accept"))
                || !"websocket".equalsIgnoreCase(headers.get("upgrade"))
                || headers.containsKey("sec-websocket-extensions") || headers.containsKey("sec-websocket-protocol")) {
            throw new IOException("the answer to the upgrade is none of a WebSocket without extensions");
        }
    }

    private static String head(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int line = 0;
        while (true) {
            int octet = in.read();
            if (octet < 0) {
                throw new EOFException("the other end is gone");
            }
            head.write(octet);
            if (octet == '\n') {
                if (line == 0) {
                    return head.toString(StandardCharsets.ISO_8859_1);
                }
                line = 0;
            } else if (octet != '\r') {
                line++;
            }
            if (head.size() > HEAD) {
                throw new IOException("the answer to the upgrade is too large");
            }
        }
    }

    private static String accept(String key) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-1").digest((key + MAGIC).getBytes(StandardCharsets.US_ASCII));
            return Base64.getEncoder().encodeToString(hash);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
