package agentgate;

import java.util.Collections;
import java.util.Map;

/** How a call ended that did not end well. The codes are those of the protocol's tables. */
public final class AgentGateException extends Exception {
    private static final long serialVersionUID = 1L;

    /** The gateway cannot be reached, or the client is closed. */
    public static final int CONNECTION_LOST = -32000;
    /** The token is wrong. */
    public static final int NOT_AUTHENTICATED = -32005;
    /** A limit; {@code data} may have {@code retry_after_s}. */
    public static final int LIMIT_EXCEEDED = -32006;
    /** The tool had started, and nobody can say whether it took effect. */
    public static final int OUTCOME_UNKNOWN = -32007;
    /** The caller's patience ended. */
    public static final int CANCELLED = -32008;

    private final int code;
    private final transient Object data;

    /**
     * Makes one.
     *
     * @param code of the protocol
     * @param message for people
     * @param data what else is known, as JSON; may be null
     */
    public AgentGateException(int code, String message, Object data) {
        super(message);
        this.code = code;
        this.data = data;
    }

    static AgentGateException of(int code, String message) {
        return new AgentGateException(code, message, null);
    }

    /** Of a call that was sent and ends without an outcome: it may still run (X6). */
    static AgentGateException sent(int code, String message) {
        return new AgentGateException(code, message + "; the request was sent and may have run",
                Collections.singletonMap("sent", true));
    }

    /**
     * The code.
     *
     * @return one of the protocol's
     */
    public int code() {
        return code;
    }

    /**
     * What else is known.
     *
     * @return JSON, or null
     */
    public Object data() {
        return data;
    }

    /**
     * Whether the call was sent and may still run.
     *
     * @return true if so
     */
    public boolean wasSent() {
        return data instanceof Map && Boolean.TRUE.equals(((Map<?, ?>) data).get("sent"));
    }

    /**
     * What the person said who was asked about the call.
     *
     * @return their words, or ""
     */
    public String word() {
        return data instanceof Map && ((Map<?, ?>) data).get("word") instanceof String
                ? (String) ((Map<?, ?>) data).get("word") : "";
    }

    /**
     * The arguments that the tool ran with, if a person had changed them.
     *
     * @return an object of JSON, or null
     */
    public Map<String, Object> edited() {
        Map<String, Object> told = Json.object(data);
        return told == null ? null : Json.object(told.get("edited"));
    }

    @Override
    public String toString() {
        return code + " " + getMessage();
    }
}
