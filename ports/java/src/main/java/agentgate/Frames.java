package agentgate;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ThreadLocalRandom;

/** Frames of WebSocket (RFC 6455), read and written by hand. */
final class Frames {
    static final int CONTINUED = 0;
    static final int TEXT = 1;
    static final int BINARY = 2;
    static final int CLOSE = 8;
    static final int PING = 9;
    static final int PONG = 10;

    /** What breaks the protocol, and the close code that says so. */
    static final class Broken extends IOException {
        private static final long serialVersionUID = 1L;
        final int code;

        Broken(int code, String message) {
            super(message);
            this.code = code;
        }
    }

    /** A frame: {@code whole} says whether a message ends with it. */
    record Frame(int opcode, boolean whole, byte[] payload) { }

    private Frames() {
    }

    /** Reads the next frame; {@code room} is how many bytes more its message may have. */
    static Frame read(InputStream in, int room) throws IOException {
        int first = octet(in);
        int second = octet(in);
        int opcode = first & 15;
        boolean whole = (first & 128) != 0;
        if ((first & 112) != 0 || (second & 128) != 0) {
            throw new Broken(1002, "a frame with reserved bits or a mask");
        }
        if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) {
            throw new Broken(1002, "a frame of an unknown kind");
        }
        long length = second & 127;
        if (opcode >= CLOSE && (length > 125 || !whole)) {
            throw new Broken(1002, "a control frame that is too long, or in parts");
        }
        if (opcode == BINARY) {
            throw new Broken(1003, "a binary message");
        }
        if (length == 126) {
            length = ByteBuffer.wrap(exactly(in, 2)).getShort() & 0xffff;
        } else if (length == 127) {
            length = ByteBuffer.wrap(exactly(in, 8)).getLong();
            if (length < 0) {
                throw new Broken(1002, "a length that is none");
            }
        }
        // By the head of the frame, before memory is taken.
        if (opcode < CLOSE && length > room) {
            throw new Broken(1009, "a message that is too large");
        }
        return new Frame(opcode, whole, exactly(in, (int) length));
    }

    private static int octet(InputStream in) throws IOException {
        int octet = in.read();
        if (octet < 0) {
            throw new EOFException("the other end is gone");
        }
        return octet;
    }

    private static byte[] exactly(InputStream in, int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the other end is gone");
        }
        return bytes;
    }

    /** A frame of a client: it is masked (T2). */
    static byte[] write(int opcode, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(payload.length + 14);
        out.write(128 | opcode);
        if (payload.length < 126) {
            out.write(128 | payload.length);
        } else if (payload.length < 65536) {
            out.write(128 | 126);
            out.writeBytes(ByteBuffer.allocate(2).putShort((short) payload.length).array());
        } else {
            out.write(128 | 127);
            out.writeBytes(ByteBuffer.allocate(8).putLong(payload.length).array());
        }
        byte[] mask = ByteBuffer.allocate(4).putInt(ThreadLocalRandom.current().nextInt()).array();
        out.writeBytes(mask);
        byte[] masked = payload.clone();
        for (int i = 0; i < masked.length; i++) {
            masked[i] ^= mask[i & 3];
        }
        out.writeBytes(masked);
        return out.toByteArray();
    }

    /** Bytes as text; what is no UTF-8 is 1007 (T12). */
    static String text(byte[] bytes, int from) throws Broken {
        try {
            return StandardCharsets.UTF_8.newDecoder()
                    .decode(ByteBuffer.wrap(bytes, from, bytes.length - from)).toString();
        } catch (CharacterCodingException wrong) {
            throw new Broken(1007, "text that is not UTF-8");
        }
    }

    /** The code of a close frame; 1005 if it has none. */
    static int closeCode(byte[] payload) throws Broken {
        if (payload.length == 0) {
            return 1005;
        }
        int code = payload.length == 1 ? 0 : ByteBuffer.wrap(payload).getShort() & 0xffff;
        boolean good = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006)
                || (code >= 3000 && code < 5000);
        if (!good) {
            throw new Broken(1002, "a close code that is none");
        }
        text(payload, 2);
        return code;
    }

    static byte[] close(int code) {
        return code == 1005 ? new byte[0] : ByteBuffer.allocate(2).putShort((short) code).array();
    }
}
