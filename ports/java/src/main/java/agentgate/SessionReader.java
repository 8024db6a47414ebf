package agentgate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One reader of a session: where it is, and what of an event it has not been told yet. */
final class SessionReader {
    final Object name;
    /** Null until the gateway says where it begins. */
    Cursor cursor;
    /** The run that it reads to its end; null if it reads the session. */
    String run;
    boolean paused;
    /** The end of its run may have been in what was lost (S41). */
    boolean doubts;
    /** Where the last of a run is that is over; below 0 if that is not known. */
    long endsAt = -1;

    SessionReader(Object name, Cursor cursor, String run) {
        this.name = name;
        this.cursor = cursor;
        this.run = run;
    }

    /** What is to be told of this event, in order; moves the cursor (S40, S15). */
    List<SessionEvent> take(SessionEvent event) {
        List<SessionEvent> told = new ArrayList<>();
        if ("behind".equals(event.kind())) {
            told.add(event);
            return told;
        }
        if (event.end() <= cursor.offset()) {
            return told;
        }
        if (event.offset() > cursor.offset()) {
            told.add(gap(event.offset() - cursor.offset(), event.at(), ""));
        }
        if ("gap".equals(event.kind())) {
            doubts = true;
        }
        told.add(event.offset() < cursor.offset() ? rest(event) : event);
        cursor = new Cursor(cursor.epoch(), event.end());
        return told;
    }

    /** A gap from the cursor on. */
    SessionEvent gap(long count, String at, String reason) {
        doubts = true;
        return new SessionEvent("gap", cursor.offset(), count, at, Json.of("reason", reason));
    }

    /** The part of an event that is not below the cursor. */
    private SessionEvent rest(SessionEvent event) {
        long skipped = cursor.offset() - event.offset();
        long count = event.end() - cursor.offset();
        List<Object> cuts = Json.array(event.get("cuts"));
        Object text = event.get("text");
        if ("gap".equals(event.kind())) {
            return new SessionEvent("gap", cursor.offset(), count, event.at(), event.data());
        }
        if (cuts == null || cuts.size() < skipped || !(text instanceof String)) {
            return new SessionEvent("gap", cursor.offset(), count, event.at(), Json.of("reason", ""));
        }
        String whole = (String) text;
        int points = whole.codePointCount(0, whole.length());
        long start = cuts.get((int) skipped - 1) instanceof Long ? (Long) cuts.get((int) skipped - 1) : -1;
        List<Object> rest = new ArrayList<>();
        for (Object cut : cuts.subList((int) skipped, cuts.size())) {
            rest.add(cut instanceof Long ? (Long) cut - start : -1L);
        }
        if (start < 0 || start > points) {
            return new SessionEvent("gap", cursor.offset(), count, event.at(), Json.of("reason", ""));
        }
        Map<String, Object> data = new LinkedHashMap<>(Json.object(event.data()));
        // By code points: a pair of UTF-16 is one (S10).
        data.put("text", whole.substring(whole.offsetByCodePoints(0, (int) start)));
        data.put("cuts", rest);
        return new SessionEvent(event.kind(), cursor.offset(), count, event.at(), data);
    }
}
