package agentgate;

import java.util.Map;

/**
 * A tool that a client provides.
 *
 * @param name without the principal
 * @param description for who asks
 * @param effects {@code read} or {@code write}
 * @param args JSON Schema of its arguments; may be null
 * @param body what it does
 */
public record Tool(String name, String description, String effects, Map<String, Object> args, Body body) {
    /** What a tool does. It is run in a thread of its own, which is interrupted when nobody waits any more. */
    @FunctionalInterface
    public interface Body {
        /**
         * Runs it.
         *
         * @param args as they were asked for
         * @return JSON
         * @throws Exception if it failed; the message is for who asked. An {@link AgentGateException} has its own code
         */
        Object run(Map<String, Object> args) throws Exception;
    }

    Map<String, Object> offer() {
        Map<String, Object> offer = Json.of("name", name, "description", description, "effects", effects);
        if (args != null) {
            offer.put("args", args);
        }
        return offer;
    }
}
