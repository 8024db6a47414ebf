package agentgate;

/** An id of a request: a number or a text. {@code 7} and {@code "7"} are different ids (M6). */
public sealed interface RequestId {
    /** The longest text that is an id. */
    int LONGEST = 256;

    /**
     * An id that is an integer of 64 bits.
     *
     * @param value it
     */
    record Number(long value) implements RequestId {
        @Override
        public Object json() {
            return value;
        }
    }

    /**
     * An id that is a text.
     *
     * @param value it
     */
    record Text(String value) implements RequestId {
        @Override
        public Object json() {
            return value;
        }
    }

    /**
     * The id as JSON has it.
     *
     * @return a {@code Long} or a {@code String}
     */
    Object json();

    /**
     * Reads an id.
     *
     * @param json what came
     * @return the id, or null if it is none (null is an id of nobody)
     */
    static RequestId of(Object json) {
        if (json instanceof Long) {
            return new Number((Long) json);
        }
        if (json instanceof String && ((String) json).codePointCount(0, ((String) json).length()) <= LONGEST) {
            return new Text((String) json);
        }
        return null;
    }
}
