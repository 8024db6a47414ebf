package agentgate;

import java.util.Map;

/**
 * What a reader of a session is told.
 *
 * @param kind one of the protocol's; {@code gap} for what is missing
 * @param offset of the first event
 * @param count how many events these are
 * @param at when, as the gateway says it
 * @param data what it says
 */
public record SessionEvent(String kind, long offset, long count, String at, Object data) {
    /**
     * A member of {@code data}.
     *
     * @param name its name
     * @return it, or null
     */
    public Object get(String name) {
        Map<String, Object> map = Json.object(data);
        return map == null ? null : map.get(name);
    }

    /**
     * Where the next event is.
     *
     * @return the offset after this one
     */
    public long end() {
        return offset + count;
    }
}
