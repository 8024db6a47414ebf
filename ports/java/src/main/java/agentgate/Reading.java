package agentgate;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** A reader of a session: events by {@link #next()}, over any cut. Closing it ends no run. */
public final class Reading implements AutoCloseable {
    private static final long MUCH = 1 << 20;

    private final Deque<SessionEvent> events = new ArrayDeque<>();
    private final Answer answer = new Answer();
    private final Consumer<Boolean> pause;
    private final Runnable leave;
    private long waiting;
    private boolean paused;
    private boolean ended;
    private AgentGateException error;

    Reading(Consumer<Boolean> pause, Runnable leave) {
        this.pause = pause;
        this.leave = leave;
    }

    /**
     * Waits for the next event.
     *
     * @return it; null at the end (of the run, or because the reader or the client was closed)
     * @throws AgentGateException if it ended otherwise
     * @throws InterruptedException if the thread was interrupted
     */
    public synchronized SessionEvent next() throws AgentGateException, InterruptedException {
        while (events.isEmpty() && !ended) {
            wait();
        }
        SessionEvent event = events.poll();
        if (event == null) {
            if (error != null) {
                throw error;
            }
            return null;
        }
        waiting -= size(event);
        if (paused && waiting < MUCH / 2) {
            paused = false;
            pause.accept(false);
        }
        answer.take(event);
        return event;
    }

    /**
     * What the model has said, of the events that were read: what a person is shown as the answer.
     *
     * @return the text since the model was asked last
     */
    public synchronized String text() {
        return answer.text();
    }

    synchronized void hears(SessionEvent event) {
        events.add(event);
        waiting += size(event);
        if (!paused && waiting > MUCH) {
            // Its user reads slowly: the gateway keeps the rest, and the cursor (S43).
            paused = true;
            pause.accept(true);
        }
        notifyAll();
    }

    synchronized void ends(AgentGateException why) {
        ended = true;
        error = why;
        notifyAll();
    }

    @Override
    public void close() {
        leave.run();
        ends(null);
    }

    private static long size(SessionEvent event) {
        return 100 + (event.get("text") instanceof String ? ((String) event.get("text")).length() : 0);
    }
}
