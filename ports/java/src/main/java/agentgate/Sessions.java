package agentgate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** All sessions that are watched, each over one attachment of the connection. */
final class Sessions {
    private final Machine machine;
    private final Book book;
    private final Map<String, Watched> watched = new LinkedHashMap<>();
    /** Readers whose message is not answered yet, so that they are told if it is over. */
    private final Map<Object, SessionReader> saying = new LinkedHashMap<>();

    Sessions(Machine machine, Book book) {
        this.machine = machine;
        this.book = book;
    }

    void watch(Object name, String session, Cursor cursor) {
        SessionReader reader = new SessionReader(name, cursor, null);
        if (machine.isOver()) {
            end(reader, machine.overError(false));
        } else {
            of(session).join(reader);
        }
    }

    /** Says something, and reads its run to the end (S24: the same message goes again after a cut). */
    void say(Object name, Map<String, Object> params) {
        SessionReader reader = new SessionReader(name, null, "");
        saying.put(name, reader);
        book.make(new Call(null, "send_message", params, false, (data, error) -> {
            if (saying.remove(name) == null) {
                return;
            }
            Map<String, Object> taken = Json.object(data);
            if (error != null) {
                end(reader, error);
            } else if (taken == null || !(taken.get("run") instanceof String)
                    || !(taken.get("epoch") instanceof String) || !(taken.get("offset") instanceof Long)) {
                end(reader, AgentGateException.of(-32603, "the answer to send_message is none"));
            } else {
                reader.run = (String) taken.get("run");
                reader.cursor = new Cursor((String) taken.get("epoch"), (Long) taken.get("offset"));
                of((String) params.get("session")).join(reader);
            }
        }), null);
    }

    void leave(Object name) {
        saying.remove(name);
        for (Watched each : new ArrayList<>(watched.values())) {
            each.leave(name);
        }
    }

    /** Its user reads slowly: nothing more is taken for it until it resumes (S43). */
    void pause(Object name, boolean paused) {
        for (Watched each : new ArrayList<>(watched.values())) {
            each.pause(name, paused);
        }
    }

    void told(Map<String, Object> params) {
        Watched session = watched.get(params.get("session"));
        List<Object> events = Json.array(params.get("events"));
        if (session != null && events != null) {
            session.told(events);
        }
    }

    void opened() {
        for (Watched each : new ArrayList<>(watched.values())) {
            each.attach();
        }
    }

    void lost() {
        for (Watched each : watched.values()) {
            each.lost();
        }
    }

    /** The user closes the client: a reader of a session ends well, one of a run hears that it has not ended. */
    void closing() {
        for (Watched each : new ArrayList<>(watched.values())) {
            for (SessionReader reader : each.takeAll()) {
                end(reader, reader.run == null ? null : AgentGateException.sent(
                        AgentGateException.CONNECTION_LOST, "the client is closed, and the run goes on"));
            }
        }
        watched.clear();
    }

    void finish(AgentGateException error) {
        for (Watched each : new ArrayList<>(watched.values())) {
            for (SessionReader reader : each.takeAll()) {
                end(reader, error);
            }
        }
        watched.clear();
    }

    void forget(String session) {
        watched.remove(session);
    }

    void end(SessionReader reader, AgentGateException error) {
        machine.out(new Effect.Ends(reader.name, error));
    }

    private Watched of(String session) {
        return watched.computeIfAbsent(session, id -> new Watched(id, machine, book, this));
    }
}
