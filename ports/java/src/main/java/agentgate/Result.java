package agentgate;

import java.util.Map;

/**
 * What a tool returned, and what people made of the request for it.
 *
 * @param data what it returned, as JSON
 * @param word what the person said who was asked about it, or ""
 * @param edited the arguments that it ran with if that person had changed them; null: those of the call
 */
public record Result(Object data, String word, Map<String, Object> edited) {
    /**
     * The result as JSON.
     *
     * @return an object; what nobody said is left out
     */
    public Map<String, Object> json() {
        Map<String, Object> map = Json.of("data", data);
        map.putAll(said(word, edited));
        return map;
    }

    /** What people said, as members of an outcome; of neither there may be none. */
    static Map<String, Object> said(String word, Map<String, Object> edited) {
        Map<String, Object> map = Json.of();
        if (!word.isEmpty()) {
            map.put("word", word);
        }
        if (edited != null) {
            map.put("edited", edited);
        }
        return map;
    }
}
