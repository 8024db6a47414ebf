package agentgate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A reply to get_pending_results; {@code pending} is null if it does not say. */
record Page(List<Row> rows, List<RequestId> pending, long seq, boolean more) {
    /** Null for what is no reply (R15). What is no row in it is passed over. */
    static Page of(Object result) {
        Map<String, Object> map = Json.object(result);
        List<Object> results = map == null ? null : Json.array(map.get("results"));
        if (results == null) {
            return null;
        }
        List<RequestId> pending = null;
        if (map.containsKey("pending")) {
            List<Object> ids = Json.array(map.get("pending"));
            if (ids == null) {
                return null;
            }
            pending = new ArrayList<>();
            for (Object id : ids) {
                if (RequestId.of(id) != null) {
                    pending.add(RequestId.of(id));
                }
            }
        }
        List<Row> rows = new ArrayList<>();
        for (Object each : results) {
            Row row = Row.of(each);
            if (row != null) {
                rows.add(row);
            }
        }
        long seq = map.get("seq") instanceof Long ? Math.max(0, (Long) map.get("seq")) : 0;
        return new Page(rows, pending, seq, Boolean.TRUE.equals(map.get("more")) && !results.isEmpty());
    }
}
