package agentgate;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * How a tool request ended.
 *
 * @param id of the request
 * @param tool its name, "" if it was not told
 * @param status {@code executed}, or how else
 * @param resolvedAt when, "" if it was not told
 * @param data what the tool returned
 * @param error null if it was executed
 * @param word what the person said who was asked about it, or ""
 * @param edited the arguments that it ran with if that person had changed them, or null
 */
public record Row(RequestId id, String tool, String status, String resolvedAt, Object data,
        AgentGateException error, String word, Map<String, Object> edited) {

    /** A row of a reply; null for what is none. */
    static Row of(Object json) {
        Map<String, Object> map = Json.object(json);
        RequestId id = map == null ? null : RequestId.of(map.get("request_id"));
        if (id == null) {
            return null;
        }
        if ("executed".equals(map.get("status"))) {
            return new Row(id, text(map, "tool"), "executed", text(map, "resolved_at"), map.get("data"), null,
                    text(map, "word"), Json.object(map.get("edited")));
        }
        AgentGateException error = Message.error(map.get("error"));
        if (error == null) {
            error = AgentGateException.of(AgentGateException.OUTCOME_UNKNOWN, "Outcome unknown: the row does not say");
        }
        String status = map.get("status") instanceof String ? text(map, "status") : status(error);
        return refused(id, text(map, "tool"), status, text(map, "resolved_at"), error, map);
    }

    /** The outcome that an answer to a tool request tells. */
    static Row of(Message answer) {
        if (answer.error != null) {
            Map<String, Object> data = Json.object(answer.error.data());
            return refused(answer.id, "", status(answer.error), "", answer.error, data == null ? Map.of() : data);
        }
        Map<String, Object> result = Json.object(answer.result);
        if (result != null && "executed".equals(result.get("status"))) {
            return new Row(answer.id, "", "executed", "", result.get("data"), null,
                    text(result, "word"), Json.object(result.get("edited")));
        }
        return unknown(answer.id, "Outcome unknown: the gateway's answer does not say executed");
    }

    static Row unknown(RequestId id, String why) {
        return new Row(id, "", "unknown", "", null,
                AgentGateException.sent(AgentGateException.OUTCOME_UNKNOWN, why), "", null);
    }

    /** An outcome that is an error; {@code said} has what people said, if they did. */
    private static Row refused(RequestId id, String tool, String status, String resolvedAt,
            AgentGateException error, Map<String, Object> said) {
        String word = text(said, "word");
        Map<String, Object> edited = Json.object(said.get("edited"));
        return new Row(id, tool, status, resolvedAt, null, clean(error, Result.said(word, edited)), word, edited);
    }

    private static String text(Map<String, Object> map, String name) {
        return map.get(name) instanceof String ? (String) map.get(name) : "";
    }

    private static String status(AgentGateException error) {
        Map<String, Object> data = Json.object(error.data());
        if (data != null && data.get("status") instanceof String) {
            return (String) data.get("status");
        }
        switch (error.code()) {
            case -32001:
            case -32003:
                return "denied";
            case -32002:
                return "expired";
            case -32007:
                return "unknown";
            case -32008:
                return "cancelled";
            default:
                return "failed";
        }
    }

    /** What the gateway adds for the client itself is not told on; what people said is, always. */
    private static AgentGateException clean(AgentGateException error, Map<String, Object> said) {
        Map<String, Object> data = Json.object(error.data());
        if (data == null && (error.data() != null || said.isEmpty())) {
            return error;
        }
        Map<String, Object> rest = new LinkedHashMap<>(data == null ? said : data);
        rest.remove("seq");
        rest.remove("status");
        return new AgentGateException(error.code(), error.getMessage(), rest.isEmpty() ? null : rest);
    }

    /**
     * The row as JSON.
     *
     * @return an object
     */
    public Map<String, Object> json() {
        Map<String, Object> map = Json.of("request_id", id.json(), "tool", tool, "status", status,
                "resolved_at", resolvedAt);
        if (error == null) {
            map.put("data", data);
        } else {
            map.put("error", Json.of("code", error.code(), "message", error.getMessage(), "data", error.data()));
        }
        map.putAll(Result.said(word, edited));
        return map;
    }
}
