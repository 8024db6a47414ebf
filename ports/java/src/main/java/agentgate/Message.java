package agentgate;

import java.util.LinkedHashMap;
import java.util.Map;

/** A message from the gateway: a request, a notification, or an answer (M1). */
final class Message {
    enum Kind { REQUEST, NOTIFICATION, ANSWER }

    final Kind kind;
    /** Null where an answer is to nobody. */
    final RequestId id;
    final String method;
    /** Null if they are no object. */
    final Map<String, Object> params;
    final Object result;
    final AgentGateException error;

    private Message(Kind kind, RequestId id, Map<String, Object> map, AgentGateException error) {
        this.kind = kind;
        this.id = id;
        this.method = (String) map.get("method");
        this.params = map.containsKey("params") ? Json.object(map.get("params")) : new LinkedHashMap<>();
        this.result = map.get("result");
        this.error = error;
    }

    /** Returns null for what is no message (M4). */
    static Message parse(String text) {
        Map<String, Object> map;
        try {
            map = Json.object(Json.parse(text));
        } catch (Json.NoJson none) {
            return null;
        }
        if (map == null || !"2.0".equals(map.get("jsonrpc"))) {
            return null;
        }
        boolean named = map.containsKey("id");
        RequestId id = RequestId.of(map.get("id"));
        if (named && id == null && map.get("id") != null) {
            return null;
        }
        boolean result = map.containsKey("result");
        boolean error = map.containsKey("error");
        if (map.containsKey("method")) {
            if (result || error || !(map.get("method") instanceof String)) {
                return null;
            }
            return new Message(named ? Kind.REQUEST : Kind.NOTIFICATION, id, map, null);
        }
        if (!named || result == error) {
            return null;
        }
        AgentGateException failure = null;
        if (error) {
            failure = error(map.get("error"));
            if (failure == null) {
                return null;
            }
        }
        return new Message(Kind.ANSWER, id, map, failure);
    }

    /** Returns null for what is no error. */
    static AgentGateException error(Object json) {
        Map<String, Object> map = Json.object(json);
        if (map == null || !(map.get("code") instanceof Long)) {
            return null;
        }
        Object message = map.get("message");
        int code = (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, (Long) map.get("code")));
        return new AgentGateException(code, message instanceof String ? (String) message : "", map.get("data"));
    }

    /** The number of the outcome that this answer tells; 0 if it has none (N6). */
    long seq() {
        Map<String, Object> where = Json.object(error == null ? result : error.data());
        return where != null && where.get("seq") instanceof Long ? Math.max(0, (Long) where.get("seq")) : 0;
    }
}
