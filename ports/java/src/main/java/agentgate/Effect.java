package agentgate;

import java.util.Map;

/** What the machine wants done. Calls and readers are named by what its user named them. */
sealed interface Effect {
    /** Open a WebSocket. */
    record Dial() implements Effect { }

    /** Send a text message. */
    record Send(String text) implements Effect { }

    /** Send a close frame, see the connection to its end; the machine hears no more of it. */
    record Close(int code) implements Effect { }

    /** Drop the connection; the machine hears no more of it. */
    record Cut(String why) implements Effect { }

    /** Send a ping. */
    record Ping() implements Effect { }

    /** A call has ended: with data, or with an error that is not null. */
    record Settle(Object call, Object data, AgentGateException error) implements Effect { }

    /** A reader is told an event. */
    record Hears(Object reader, SessionEvent event) implements Effect { }

    /** A reader has come to its end; the error may be null. */
    record Ends(Object reader, AgentGateException error) implements Effect { }

    /** Run a tool that is provided. */
    record Runs(String call, String tool, Map<String, Object> args) implements Effect { }

    /** Stop such a call. */
    record Stops(String call) implements Effect { }

    /** A notification that the machine has no use for. */
    record Notified(String method, Map<String, Object> params) implements Effect { }

    /** Something that the user should know, and no call tells. */
    record Noted(String text, AgentGateException error) implements Effect { }

    /** A connection stands, and calls flow. */
    record Opened(boolean first, String principal, String role) implements Effect { }

    /** It is over for good. */
    record Over(AgentGateException error) implements Effect { }
}
