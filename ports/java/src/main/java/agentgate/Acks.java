package agentgate;

/** Acknowledgements of one connection: numbers begin anew on each (N1 to N7). */
final class Acks {
    private static final int AT_ONCE = 64;
    private static final long SOON = 50_000;

    private final Machine machine;
    private final Timers timers;
    private Timers.Timer timer;
    private long seen;
    private long acked;
    private int count;
    private boolean blocked;

    Acks(Machine machine, Timers timers) {
        this.machine = machine;
        this.timers = timers;
    }

    void begin() {
        end();
        seen = 0;
        acked = 0;
        count = 0;
        blocked = false;
    }

    void end() {
        Timers.cancel(timer);
        timer = null;
    }

    /** Something could not be kept: no later number is acknowledged on this connection (H4). */
    void block() {
        blocked = true;
    }

    /** An outcome has come. A second answer under a lower number needs no new word. */
    void seen(long seq) {
        if (blocked || seq <= seen) {
            return;
        }
        seen = seq;
        count++;
        if (count >= AT_ONCE) {
            now();
        } else if (timer == null) {
            timer = timers.in(SOON, this::now);
        }
    }

    /** The number of a reply with rows. */
    void rows(long seq) {
        if (seq > 0) {
            seen(seq);
        }
    }

    void now() {
        end();
        count = 0;
        if (seen > acked) {
            acked = seen;
            machine.out(new Effect.Send(Json.write(Json.of("jsonrpc", "2.0", "method", "ack",
                    "params", Json.of("seq", acked)))));
        }
    }
}
