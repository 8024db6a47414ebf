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
 */
public record Row(RequestId id, String tool, String status, String resolvedAt, Object data,
        AgentGateException error) {

    /** A row of a reply; null for what is none. */
    static Row of(Object json) {
        Map<String, Object> map = Json.object(json);
        RequestId id = map == null ? null : RequestId.of(map.get("request_id"));
        if (id == null) {
            return null;
        }
        if ("executed".equals(map.get("status"))) {
            return new Row(id, text(map, "tool"), "executed", text(map, "resolved_at"), map.get("data"), null);
        }
        AgentGateException error = Message.error(map.get("error"));
        if (error == null) {
            error = AgentGateException.of(AgentGateException.OUTCOME_UNKNOWN, "Outcome unknown: the row does not say");
        }
        String status = map.get("status") instanceof String ? text(map, "status") : status(error);
        return new Row(id, text(map, "tool"), status, text(map, "resolved_at"), null, clean(error));
    }

    /** The outcome that an answer to a tool request tells. */
    static Row of(Message answer) {
        if (answer.error != null) {
            return new Row(answer.id, "", status(answer.error), "", null, clean(answer.error));
        }
        Map<String, Object> result = Json.object(answer.result);
        if (result != null && "executed".equals(result.get("status"))) {
            return new Row(answer.id, "", "executed", "", result.get("data"), null);
        }
        return unknown(answer.id, "Outcome unknown: the gateway's answer does not say executed");
    }

    static Row unknown(RequestId id, String why) {
        return new Row(id, "", "unknown", "", null,
                AgentGateException.sent(AgentGateException.OUTCOME_UNKNOWN, why));
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

    /** What the gateway adds for the client itself is not told on. */
    private static AgentGateException clean(AgentGateException error) {
        Map<String, Object> data = Json.object(error.data());
        if (data == null) {
            return error;
        }
        Map<String, Object> rest = new LinkedHashMap<>(data);
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
        return map;
    }
}
