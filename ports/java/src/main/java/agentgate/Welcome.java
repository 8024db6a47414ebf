package agentgate;

import java.util.Map;

/** The answer to auth, with what is missing in it filled in (A5). */
record Welcome(String principal, String role, long highestId, String epoch, Double retention) {
    /** Null for what is none (A6). */
    static Welcome of(Object result) {
        Map<String, Object> map = Json.object(result);
        if (map == null || !"authenticated".equals(map.get("status"))) {
            return null;
        }
        Object principal = map.getOrDefault("principal", "");
        Object role = map.getOrDefault("role", "agent");
        Object highest = map.getOrDefault("highest_id", 0L);
        Object epoch = map.getOrDefault("epoch", "");
        Object retention = map.get("retention_s");
        if (!(principal instanceof String) || !(role instanceof String) || !(epoch instanceof String)
                || !(highest instanceof Long) || (Long) highest < 0
                || (map.containsKey("retention_s") && !(retention instanceof Number))) {
            return null;
        }
        return new Welcome((String) principal, (String) role, (Long) highest, (String) epoch,
                retention == null ? null : (Double) ((Number) retention).doubleValue());
    }
}
