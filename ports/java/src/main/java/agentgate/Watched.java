package agentgate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** One session that is watched: its readers share an attachment, from the lowest of their cursors. */
final class Watched {
    private final String session;
    private final Machine machine;
    private final Book book;
    private final Sessions all;
    private final List<SessionReader> readers = new ArrayList<>();
    /** The attachment that was asked for last; what comes before its answer is of the one before (S34). */
    private Object asked;
    private boolean attached;
    private String epoch;

    Watched(String session, Machine machine, Book book, Sessions all) {
        this.session = session;
        this.machine = machine;
        this.book = book;
        this.all = all;
    }

    void join(SessionReader reader) {
        readers.add(reader);
        attach();
    }

    void leave(Object name) {
        if (readers.removeIf(reader -> reader.name.equals(name))) {
            lastGone();
        }
    }

    void pause(Object name, boolean paused) {
        for (SessionReader reader : readers) {
            if (reader.name.equals(name) && reader.paused != paused) {
                reader.paused = paused;
                if (!paused) {
                    attach();
                } else if (readers.stream().allMatch(each -> each.paused)) {
                    detach();
                }
            }
        }
    }

    void lost() {
        asked = null;
        attached = false;
    }

    List<SessionReader> takeAll() {
        List<SessionReader> taken = new ArrayList<>(readers);
        readers.clear();
        return taken;
    }

    /** Attaches, from where a reader is that needs it most. */
    void attach() {
        SessionReader first = neediest();
        if (first == null || !machine.isOpen()) {
            return;
        }
        Cursor from = first.cursor;
        Map<String, Object> params = Json.of("session", session);
        if (from != null) {
            params.put("epoch", from.epoch());
            params.put("offset", from.offset());
        }
        Object mine = new Object();
        asked = mine;
        attached = false;
        book.send(new Call(null, "attach_session", params, true, (data, error) -> {
            if (asked == mine) {
                asked = null;
                answered(from, data, error);
            }
        }));
    }

    /** One without a cursor before all; then one of another log; then the lowest. */
    private SessionReader neediest() {
        SessionReader first = null;
        for (SessionReader reader : readers) {
            if (!reader.paused && (first == null || need(reader) < need(first))) {
                first = reader;
            }
        }
        return first;
    }

    private long need(SessionReader reader) {
        if (reader.cursor == null) {
            return -2;
        }
        return epoch != null && !reader.cursor.epoch().equals(epoch) ? -1 : reader.cursor.offset();
    }

    private void answered(Cursor from, Object data, AgentGateException error) {
        Map<String, Object> answer = Json.object(data);
        if (error != null || answer == null || !(answer.get("epoch") instanceof String)
                || !(answer.get("offset") instanceof Long)) {
            all.forget(session);
            for (SessionReader reader : takeAll()) {
                all.end(reader, error != null ? error
                        : AgentGateException.of(-32603, "the answer to attach_session is none"));
            }
            return;
        }
        attached = true;
        epoch = (String) answer.get("epoch");
        long offset = (Long) answer.get("offset");
        long next = answer.get("next") instanceof Long ? (Long) answer.get("next") : offset;
        String gap = answer.get("gap") instanceof String ? (String) answer.get("gap") : "";
        boolean again = false;
        for (SessionReader reader : new ArrayList<>(readers)) {
            Cursor cursor = reader.cursor;
            if (reader.paused) {
                continue;
            }
            if (cursor == null) {
                if (from == null) {
                    reader.cursor = new Cursor(epoch, offset);
                }
                again |= from != null;
            } else if (!cursor.epoch().equals(epoch) || (!gap.isEmpty() && cursor.equals(from))
                    || (from != null && cursor.offset() < offset) || (gap.equals("ahead") && cursor.offset() > next)) {
                if (from != null && !from.epoch().equals(epoch) && cursor.epoch().equals(epoch)) {
                    again |= cursor.offset() < offset;
                    continue;
                }
                long missing = cursor.epoch().equals(epoch) ? Math.max(0, offset - cursor.offset()) : 0;
                machine.out(new Effect.Hears(reader.name, reader.gap(missing, "", gap.isEmpty() ? "epoch" : gap)));
                reader.cursor = new Cursor(epoch, offset);
            } else {
                again |= cursor.offset() < offset;
            }
            judge(reader, answer, next);
        }
        lastGone();
        if (again && attached) {
            attach();
        }
    }

    /** After something was lost: a run that is neither under way nor waits has its end before here (S41). */
    private void judge(SessionReader reader, Map<String, Object> answer, long next) {
        if (reader.run == null || !reader.doubts || reader.cursor == null) {
            return;
        }
        reader.doubts = false;
        List<Object> waiting = Json.array(answer.get("waiting"));
        if (!reader.run.equals(answer.get("run")) && (waiting == null || !waiting.contains(reader.run))) {
            reader.endsAt = next;
            if (reader.cursor.offset() >= next) {
                end(reader);
            }
        }
    }

    void told(List<Object> events) {
        for (Object each : events) {
            SessionEvent event = event(each);
            if (event == null || !attached) {
                continue;
            }
            if ("gone".equals(event.kind())) {
                attached = false;
                all.forget(session);
                for (SessionReader reader : takeAll()) {
                    all.end(reader, AgentGateException.of(-32013, "the session was deleted"));
                }
                return;
            }
            for (SessionReader reader : new ArrayList<>(readers)) {
                if (!reader.paused && reader.cursor != null && epoch.equals(reader.cursor.epoch())) {
                    tell(reader, event);
                }
            }
        }
        for (SessionReader reader : readers) {
            if (reader.run != null && reader.doubts && !reader.paused) {
                attach();
                break;
            }
        }
        lastGone();
    }

    private void tell(SessionReader reader, SessionEvent event) {
        for (SessionEvent part : reader.take(event)) {
            machine.out(new Effect.Hears(reader.name, part));
            if (reader.run != null && "run_ended".equals(part.kind()) && reader.run.equals(part.get("run"))) {
                end(reader);
                return;
            }
        }
        if (reader.endsAt >= 0 && reader.cursor.offset() >= reader.endsAt) {
            end(reader);
        }
    }

    private void end(SessionReader reader) {
        if (readers.remove(reader)) {
            all.end(reader, null);
        }
    }

    /** Without readers nothing is watched; the run goes on (S44). */
    private void lastGone() {
        if (readers.isEmpty()) {
            all.forget(session);
            detach();
        }
    }

    private void detach() {
        if (machine.isOpen() && (attached || asked != null)) {
            book.send(new Call(null, "detach_session", Json.of("session", session), true, (data, error) -> { }));
        }
        attached = false;
        asked = null;
    }

    private static SessionEvent event(Object json) {
        Map<String, Object> map = Json.object(json);
        if (map == null || !(map.get("offset") instanceof Long) || !(map.get("kind") instanceof String)) {
            return null;
        }
        Object count = map.get("count");
        return new SessionEvent((String) map.get("kind"), (Long) map.get("offset"),
                count instanceof Long ? Math.max(0, (Long) count) : 1,
                map.get("at") instanceof String ? (String) map.get("at") : "", map.get("data"));
    }
}
