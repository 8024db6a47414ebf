package agentgate;

import java.util.PriorityQueue;

/** Timers without a clock: time is what it is said to be, in microseconds. */
final class Timers {
    static final long SECOND = 1_000_000;

    /** Something to be done at a time. */
    static final class Timer implements Comparable<Timer> {
        private final long at;
        private final long number;
        private Runnable what;

        private Timer(long at, long number, Runnable what) {
            this.at = at;
            this.number = number;
            this.what = what;
        }

        void cancel() {
            what = null;
        }

        @Override
        public int compareTo(Timer other) {
            return at != other.at ? Long.compare(at, other.at) : Long.compare(number, other.number);
        }
    }

    private final PriorityQueue<Timer> queue = new PriorityQueue<>();
    private long count;
    private long now;

    long now() {
        return now;
    }

    Timer in(long micros, Runnable what) {
        Timer timer = new Timer(now + micros, count++, what);
        queue.add(timer);
        return timer;
    }

    /** When the next one is due; {@code Long.MAX_VALUE} if there is none. */
    long next() {
        while (!queue.isEmpty() && queue.peek().what == null) {
            queue.poll();
        }
        return queue.isEmpty() ? Long.MAX_VALUE : queue.peek().at;
    }

    /** Lets time go by; each timer sees its own time. */
    void advance(long to) {
        while (next() <= to) {
            Timer timer = queue.poll();
            now = Math.max(now, timer.at);
            timer.what.run();
        }
        now = Math.max(now, to);
    }

    static void cancel(Timer timer) {
        if (timer != null) {
            timer.cancel();
        }
    }

    static long micros(double seconds) {
        return Math.round(Math.min(seconds, 1e12) * SECOND);
    }
}
