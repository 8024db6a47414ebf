package agentgate;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** One connection: a thread that reads, and one that writes, so that nobody waits for a slow peer. */
final class WebSocket {
    /** What is heard of a connection. Nothing follows after {@code closed}, {@code lost} or a failure to open. */
    interface Listener {
        void opened();

        void refused(int status, String retryAfter);

        void failed(String why);

        void heard();

        void text(String text);

        void closed(int code, String reason);

        void lost(String why);
    }

    private static final int LARGEST = 64 << 20;
    private static final int OPENING_S = 10;
    private static final int CLOSING_S = 5;
    private static final byte[] END = new byte[0];

    private final URI uri;
    private final Listener listener;
    private final ScheduledExecutorService clock;
    private final Socket plain = new Socket();
    private final BlockingQueue<byte[]> out = new LinkedBlockingQueue<>();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile Socket socket = plain;
    private volatile boolean closing;

    WebSocket(URI uri, Listener listener, ScheduledExecutorService clock) {
        this.uri = uri;
        this.listener = listener;
        this.clock = clock;
    }

    void open() {
        // The whole of it has ten seconds, however slowly the other end answers (T13).
        var late = clock.schedule(this::cut, OPENING_S, TimeUnit.SECONDS);
        thread("agentgate-read", () -> {
            InputStream in;
            try {
                socket = Upgrade.connect(uri, plain, OPENING_S * 1000);
                in = new BufferedInputStream(new Listening(socket.getInputStream()), 65536);
                Upgrade.shake(uri, socket, in);
                socket.setSoTimeout(0);
                if (!late.cancel(false)) {
                    throw new IOException("no answer to the upgrade within 10 s");
                }
            } catch (Upgrade.Refused refused) {
                late.cancel(false);
                cut();
                listener.refused(refused.status, refused.retryAfter);
                return;
            } catch (IOException | RuntimeException wrong) {
                late.cancel(false);
                cut();
                listener.failed(String.valueOf(wrong.getMessage()));
                return;
            }
            thread("agentgate-write", this::write);
            listener.opened();
            read(in);
        });
    }

    void send(String text) {
        if (!closing) {
            out.add(Frames.write(Frames.TEXT, text.getBytes(StandardCharsets.UTF_8)));
        }
    }

    void ping() {
        if (!closing) {
            out.add(Frames.write(Frames.PING, END));
        }
    }

    /** Sends a close frame, and waits for the other's, five seconds at most (X3). */
    void close(int code) {
        if (!closing) {
            out.add(Frames.write(Frames.CLOSE, Frames.close(code)));
            closing = true;
            clock.schedule(this::cut, CLOSING_S, TimeUnit.SECONDS);
        }
    }

    void cut() {
        closing = true;
        out.add(END);
        try {
            socket.close();
            plain.close();
        } catch (IOException gone) {
            // It is what was wanted.
        }
        done.countDown();
    }

    /** Waits until the connection has ended. */
    boolean await(long seconds) throws InterruptedException {
        return done.await(seconds, TimeUnit.SECONDS);
    }

    private void write() {
        try {
            while (true) {
                byte[] bytes = out.take();
                if (bytes == END) {
                    return;
                }
                socket.getOutputStream().write(bytes);
                socket.getOutputStream().flush();
            }
        } catch (IOException | InterruptedException gone) {
            // Whoever reads hears of it.
            cut();
        }
    }

    private void read(InputStream in) {
        ByteArrayOutputStream message = null;
        try {
            while (true) {
                Frames.Frame frame = Frames.read(in, LARGEST - (message == null ? 0 : message.size()));
                switch (frame.opcode()) {
                    case Frames.PING:
                        if (!closing) {
                            out.add(Frames.write(Frames.PONG, frame.payload()));
                        }
                        break;
                    case Frames.PONG:
                        break;
                    case Frames.CLOSE:
                        ended(frame.payload(), in);
                        return;
                    default:
                        if ((frame.opcode() == Frames.CONTINUED) != (message != null)) {
                            throw new Frames.Broken(1002, "parts of a message in disorder");
                        }
                        if (message == null) {
                            message = new ByteArrayOutputStream();
                        }
                        message.writeBytes(frame.payload());
                        if (frame.whole()) {
                            String text = Frames.text(message.toByteArray(), 0);
                            message = null;
                            listener.text(text);
                        }
                }
            }
        } catch (Frames.Broken broken) {
            close(broken.code);
            listener.lost("the gateway sent " + broken.getMessage() + " (" + broken.code + ")");
            drain(in);
        } catch (IOException | RuntimeException gone) {
            cut();
            listener.lost(String.valueOf(gone.getMessage()));
        }
    }

    private void ended(byte[] payload, InputStream in) throws IOException {
        int code = Frames.closeCode(payload);
        if (!closing) {
            out.add(Frames.write(Frames.CLOSE, Frames.close(code)));
            closing = true;
            clock.schedule(this::cut, CLOSING_S, TimeUnit.SECONDS);
        }
        listener.closed(code, payload.length > 2 ? Frames.text(payload, 2) : "");
        drain(in);
    }

    /** Reads on to the end: a socket that is closed with bytes unread may drop what was written. */
    private void drain(InputStream in) {
        try {
            socket.setSoTimeout(1000);
            byte[] rest = new byte[8192];
            while (in.read(rest) >= 0) {
                // Nothing counts any more.
            }
        } catch (IOException gone) {
            // Likewise.
        }
        cut();
    }

    private static void thread(String name, Runnable what) {
        Thread thread = new Thread(what, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Tells of every byte that comes: any of them is a sign of life (K3). */
    private final class Listening extends FilterInputStream {
        Listening(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] bytes, int from, int length) throws IOException {
            int count = super.read(bytes, from, length);
            if (count > 0) {
                listener.heard();
            }
            return count;
        }
    }
}
