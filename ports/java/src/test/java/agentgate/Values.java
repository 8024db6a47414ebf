package agentgate;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The values of vectors: what is wanted, and what is to be put in. */
final class Values {
    private static final Object ABSENT = new Object();
    private final Map<String, Object> bound = new HashMap<>();

    /** An input, with what it refers to. */
    Object fill(Object value) {
        Map<String, Object> map = Json.object(value);
        if (map == null) {
            List<Object> list = Json.array(value);
            if (list == null) {
                return value;
            }
            List<Object> filled = new ArrayList<>();
            list.forEach(each -> filled.add(fill(each)));
            return filled;
        }
        if (map.containsKey("$ref")) {
            return bound.get(map.get("$ref"));
        }
        if (map.containsKey("$repeat")) {
            List<Object> what = Json.array(map.get("$repeat"));
            return ((String) what.get(0)).repeat(((Long) what.get(1)).intValue());
        }
        if (map.containsKey("$join")) {
            StringBuilder all = new StringBuilder();
            Json.array(map.get("$join")).forEach(each -> all.append(fill(each)));
            return all.toString();
        }
        Map<String, Object> filled = new LinkedHashMap<>();
        map.forEach((name, each) -> filled.put(name, fill(each)));
        return filled;
    }

    /** Null if it fits, else where it does not. */
    String compare(Object wanted, Object got, String where) {
        Map<String, Object> map = Json.object(wanted);
        if (map != null) {
            String name = map.size() == 1 ? map.keySet().iterator().next() : "";
            return name.startsWith("$") ? special(name, map.get(name), got, where) : members(map, got, where);
        }
        List<Object> list = Json.array(wanted);
        if (list != null) {
            List<Object> other = Json.array(got);
            if (other == null || other.size() != list.size()) {
                return where + ": wanted " + Json.write(wanted);
            }
            for (int i = 0; i < list.size(); i++) {
                String wrong = compare(list.get(i), other.get(i), where + "[" + i + "]");
                if (wrong != null) {
                    return wrong;
                }
            }
            return null;
        }
        boolean same = wanted instanceof Number && got instanceof Number
                ? ((Number) wanted).doubleValue() == ((Number) got).doubleValue()
                        && ((Number) wanted).longValue() == ((Number) got).longValue()
                : wanted == null ? got == null : wanted.equals(got);
        return same ? null : where + ": wanted " + wanted;
    }

    private String members(Map<String, Object> wanted, Object got, String where) {
        Map<String, Object> map = Json.object(got);
        if (map == null) {
            return where + ": wanted an object";
        }
        for (Map.Entry<String, Object> each : wanted.entrySet()) {
            Object value = map.containsKey(each.getKey()) ? map.get(each.getKey()) : ABSENT;
            boolean mayBeAbsent = Json.object(each.getValue()) != null
                    && (Json.object(each.getValue()).containsKey("$absent")
                            || Json.object(each.getValue()).containsKey("$without"));
            if (value == ABSENT && !mayBeAbsent) {
                return where + "." + each.getKey() + ": is missing";
            }
            String wrong = compare(each.getValue(), value, where + "." + each.getKey());
            if (wrong != null) {
                return wrong;
            }
        }
        return null;
    }

    private String special(String name, Object what, Object got, String where) {
        boolean good;
        switch (name) {
            case "$type":
                good = isOf((String) what, got);
                break;
            case "$contains":
                good = got instanceof String && ((String) got).contains((String) what);
                break;
            case "$absent":
                good = got == ABSENT;
                break;
            case "$without":
                good = Json.object(got) == null
                        || Json.array(what).stream().noneMatch(each -> Json.object(got).containsKey(each));
                break;
            case "$unordered":
                good = unordered(Json.array(what), Json.array(got), where);
                break;
            case "$bind":
                bound.put((String) what, got);
                good = true;
                break;
            case "$ref":
                return compare(bound.get(what), got, where);
            default:
                throw new IllegalArgumentException("what is " + name + "?");
        }
        return good ? null : where + ": wanted " + name + " " + what;
    }

    private boolean unordered(List<Object> wanted, List<Object> got, String where) {
        if (got == null || got.size() != wanted.size()) {
            return false;
        }
        List<Object> rest = new ArrayList<>(got);
        return wanted.stream().allMatch(each -> {
            for (int i = 0; i < rest.size(); i++) {
                if (compare(each, rest.get(i), where) == null) {
                    rest.remove(i);
                    return true;
                }
            }
            return false;
        });
    }

    private static boolean isOf(String type, Object got) {
        switch (type) {
            case "string":
                return got instanceof String;
            case "text":
                return got instanceof String && !((String) got).isEmpty();
            case "integer":
                return got instanceof Long || got instanceof Integer;
            case "number":
                return got instanceof Number;
            case "boolean":
                return got instanceof Boolean;
            case "object":
                return Json.object(got) != null;
            default:
                return Json.array(got) != null;
        }
    }
}
