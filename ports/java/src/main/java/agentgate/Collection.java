package agentgate;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** The user's own get_pending_results, over all pages (H3). */
final class Collection {
    private final Book book;
    private final Kept kept;
    private final Acks acks;
    private final Consumer<List<Row>> done;
    private final Consumer<AgentGateException> failed;
    private final Map<RequestId, Row> collected = new LinkedHashMap<>();
    private Object handle;

    Collection(Book book, Kept kept, Acks acks, Consumer<List<Row>> done, Consumer<AgentGateException> failed) {
        this.book = book;
        this.kept = kept;
        this.acks = acks;
        this.done = done;
        this.failed = failed;
    }

    void begin(Object name) {
        handle = name;
        ask();
    }

    private void ask() {
        // The same call again after a cut is made anew (R18); what was collected by then stays.
        Call call = new Call(handle, "get_pending_results", Json.of(), false, this::took);
        // Whoever gives it up was told nothing: what it has got so far, and gets yet, is kept (H2).
        call.late = (result, error) -> keep(error == null ? Page.of(result) : null);
        call.abandoned = this::keepCollected;
        book.make(call, null);
    }

    private void took(Object result, AgentGateException error) {
        Page page = error == null ? Page.of(result) : null;
        if (page == null) {
            giveUp(error != null ? error : AgentGateException.of(-32603, "the reply to get_pending_results is none"));
            return;
        }
        for (Row row : page.rows()) {
            if (book.has(row.id())) {
                if (!book.outcome(row)) {
                    acks.block();
                }
            } else {
                kept.collected(row, collected);
            }
        }
        acks.rows(page.seq());
        if (page.more()) {
            ask();
        } else {
            done.accept(kept.take(collected));
        }
    }

    private void giveUp(AgentGateException error) {
        keepCollected();
        failed.accept(error);
    }

    private void keepCollected() {
        collected.values().forEach(kept::put);
        collected.clear();
    }

    private void keep(Page page) {
        if (page == null) {
            return;
        }
        for (Row row : page.rows()) {
            if (!(book.has(row.id()) ? book.outcome(row) : kept.stray(row))) {
                acks.block();
            }
        }
        acks.rows(page.seq());
    }
}
