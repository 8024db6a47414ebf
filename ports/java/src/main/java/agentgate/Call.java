package agentgate;

import java.util.Map;

/** A call in the book: asked by the user, or by the client for itself. */
final class Call {
    /** What happens when it ends; the error is null if it ended well. */
    interface Ending {
        void end(Object data, AgentGateException error);
    }

    /** What its user calls it; null if nobody can take it back. */
    final Object handle;
    final String method;
    final Map<String, Object> params;
    final Ending ending;
    /** It is of this connection alone, and forgotten with it. */
    final boolean fleeting;
    RequestId id;
    long firstSent;
    /** It was made again under a new id (D10). */
    boolean again;
    /** Its caller was told, or went away: from now on it is unwanted. */
    boolean told;
    /** Its caller was told -32008 without knowing what became of it (H7). */
    boolean expired;
    Timers.Timer patience;

    Call(Object handle, String method, Map<String, Object> params, boolean fleeting, Ending ending) {
        this.handle = handle;
        this.method = method;
        this.params = params;
        this.fleeting = fleeting;
        this.ending = ending;
    }

    /** What is done with an answer that comes when nobody waits any more; null: nothing. */
    Ending late;
    /** What is done when its caller gives it up. */
    Runnable abandoned = () -> { };
    private boolean givenUp;

    /** Nobody waits for it any more, or only to hear how its withdrawal went. */
    boolean givenUp() {
        return givenUp;
    }

    void gaveUp() {
        givenUp = true;
        abandoned.run();
    }

    /** Whether it is made again on the next connection, having had no answer (R18). */
    boolean isRemade() {
        return !tool() && !fleeting && !givenUp;
    }

    boolean tool() {
        return "tool_request".equals(method);
    }

    String text(RequestId id) {
        return Json.write(Json.of("jsonrpc", "2.0", "method", method, "params", params, "id", id));
    }
}
