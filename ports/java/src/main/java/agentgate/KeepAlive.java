package agentgate;

/** Finds out that a connection is dead (K1 to K3). */
final class KeepAlive {
    static final long SILENCE = 20 * Timers.SECOND;

    private final Machine machine;
    private final Timers timers;
    private Timers.Timer timer;
    private long heard;
    private long asked;

    KeepAlive(Machine machine, Timers timers) {
        this.machine = machine;
        this.timers = timers;
    }

    void begin() {
        end();
        heard = timers.now();
        asked = -1;
        timer = timers.in(SILENCE, this::look);
    }

    void end() {
        Timers.cancel(timer);
        timer = null;
    }

    void heard() {
        heard = timers.now();
        asked = -1;
    }

    private void look() {
        if (asked >= 0) {
            machine.cut("no sign of life for 40 s");
            return;
        }
        long silent = timers.now() - heard;
        if (silent >= SILENCE) {
            asked = timers.now();
            silent = 0;
            machine.out(new Effect.Ping());
        }
        timer = timers.in(SILENCE - silent, this::look);
    }
}
