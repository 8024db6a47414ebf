package agentgate;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/** Finds out, on a later connection, what became of what was sent (R1 to R17). */
final class Reconciliation {
    private static final long REPLY = 30 * Timers.SECOND;

    private final Machine machine;
    private final Timers timers;
    private final Book book;
    private final Kept kept;
    private final Acks acks;
    private Set<RequestId> known;
    private boolean toldPending;
    private Double retention;
    private Consumer<List<Call>> done;
    private Timers.Timer deadline;

    Reconciliation(Machine machine, Timers timers, Book book, Kept kept, Acks acks) {
        this.machine = machine;
        this.timers = timers;
        this.book = book;
        this.kept = kept;
        this.acks = acks;
    }

    /** Asks for all pages; tells then which calls are to be sent again. */
    void begin(Double keptFor, Consumer<List<Call>> then) {
        retention = keptFor;
        done = then;
        known = new HashSet<>();
        toldPending = true;
        ask();
    }

    void end() {
        Timers.cancel(deadline);
    }

    private void ask() {
        deadline = timers.in(REPLY, () -> machine.cut("no reply to get_pending_results within 30 s"));
        book.send(new Call(null, "get_pending_results", Json.of(), true, this::took));
    }

    private void took(Object result, AgentGateException error) {
        Timers.cancel(deadline);
        Page page = error == null ? Page.of(result) : null;
        if (error != null && (error.code() == -32601 || error.code() == -32010)) {
            toldPending = false;
        } else if (page == null) {
            machine.cut("no reply to get_pending_results: " + (error == null ? "it is none" : error.getMessage()));
            return;
        } else {
            take(page);
            if (page.more()) {
                ask();
                return;
            }
        }
        done.accept(book.judge(known, toldPending, retention));
    }

    private void take(Page page) {
        for (Row row : page.rows()) {
            known.add(row.id());
            if (!(book.has(row.id()) ? book.outcome(row) : kept.stray(row))) {
                acks.block();
            }
        }
        acks.rows(page.seq());
        if (page.pending() == null) {
            toldPending = false;
        } else {
            known.addAll(page.pending());
        }
    }
}
