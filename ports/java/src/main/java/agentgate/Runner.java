package agentgate;

import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

/** Gives the machine a clock, a socket and threads: all that it does is done by one thread. */
final class Runner {
    private final URI uri;
    private final ScheduledExecutorService core = scheduled("agentgate");
    private final ScheduledExecutorService clock = scheduled("agentgate-clock");
    /** Whatever a user's code does there, neither the machine nor another call waits for it. */
    private final ExecutorService users = Executors.newCachedThreadPool(daemon("agentgate-user"));
    /** What must be heard in order. */
    private final ExecutorService listeners = scheduled("agentgate-listener");
    private final Machine machine;
    private final BiConsumer<String, Map<String, Object>> notified;
    private final BiConsumer<String, AgentGateException> noted;
    private final CompletableFuture<Void> opened = new CompletableFuture<>();
    private final CompletableFuture<AgentGateException> over = new CompletableFuture<>();
    private final Map<String, Thread> running = new HashMap<>();
    private final Map<String, Tool> tools = new ConcurrentHashMap<>();
    private final long start = System.nanoTime();
    private volatile WebSocket socket;
    private Ear ear;
    private volatile Consumer<Map<String, Object>> approvals;
    private Runnable watchAgain = () -> { };
    private ScheduledFuture<?> alarm;
    private long alarmAt = Long.MAX_VALUE;

    Runner(URI uri, Settings settings, BiConsumer<String, Map<String, Object>> notified,
            BiConsumer<String, AgentGateException> noted) {
        this.uri = uri;
        this.notified = notified;
        this.noted = noted;
        machine = new Machine(settings, this::done);
    }

    CompletableFuture<Void> open() {
        post(Machine::open);
        return opened;
    }

    CompletableFuture<AgentGateException> over() {
        return over.copy();
    }

    /** Does something with the machine, in its thread and at its time. */
    void post(Consumer<Machine> what) {
        core.execute(() -> step(what));
    }

    private void step(Consumer<Machine> what) {
        try {
            machine.advance((System.nanoTime() - start) / 1000);
            what.accept(machine);
        } catch (RuntimeException bug) {
            report(bug);
        }
        sleep();
    }

    private static void report(RuntimeException wrong) {
        Thread thread = Thread.currentThread();
        thread.getUncaughtExceptionHandler().uncaughtException(thread, wrong);
    }

    /** Sees to it that the machine wakes when its next timer is due. */
    private void sleep() {
        long next = machine.timers.next();
        if (next == alarmAt) {
            return;
        }
        if (alarm != null) {
            alarm.cancel(false);
        }
        alarmAt = next;
        if (next != Long.MAX_VALUE) {
            long wait = Math.max(0, next * 1000 - (System.nanoTime() - start));
            alarm = core.schedule(() -> {
                alarmAt = Long.MAX_VALUE;
                step(each -> { });
            }, wait + 1000, TimeUnit.NANOSECONDS);
        }
    }

    CompletableFuture<Object> settled(BiConsumer<Machine, Object> ask) {
        CompletableFuture<Object> future = new CompletableFuture<>();
        post(each -> ask.accept(each, future));
        future.whenComplete((data, error) -> {
            if (future.isCancelled()) {
                post(each -> each.cancel(future));
            }
        });
        return future;
    }

    /** A future of what is made of the end of a call; it is cancelled like others. */
    <T> CompletableFuture<T> settled(BiConsumer<Machine, Object> ask, Function<Object, T> made) {
        CompletableFuture<Object> found = settled(ask);
        CompletableFuture<T> future = new CompletableFuture<>();
        found.whenComplete((data, error) -> {
            if (error != null) {
                future.completeExceptionally(error);
            } else {
                future.complete(made.apply(data));
            }
        });
        future.whenComplete((data, error) -> {
            if (future.isCancelled()) {
                found.cancel(false);
            }
        });
        return future;
    }

    /** A future of its own kind, which is cancelled like others: its rows are then told to nobody. */
    CompletableFuture<List<Row>> collect() {
        CompletableFuture<Object> found = settled(Machine::collect);
        CompletableFuture<List<Row>> rows = new CompletableFuture<>();
        found.whenComplete((data, error) -> {
            if (error != null) {
                rows.completeExceptionally(error);
                return;
            }
            List<Row> all = new ArrayList<>();
            for (Object row : (List<?>) data) {
                all.add((Row) row);
            }
            if (!rows.complete(all)) {
                untold(all);
            }
        });
        rows.whenComplete((data, error) -> {
            if (rows.isCancelled()) {
                found.cancel(false);
            }
        });
        return rows;
    }

    Reading reading(BiConsumer<Machine, Object> begin) {
        Reading[] reading = new Reading[1];
        reading[0] = new Reading(paused -> post(each -> each.sessions.pause(reading[0], paused)),
                () -> post(each -> each.sessions.leave(reading[0])));
        post(each -> begin.accept(each, reading[0]));
        return reading[0];
    }

    CompletableFuture<Void> watchApprovals(Consumer<List<Object>> all, Consumer<Map<String, Object>> changed) {
        approvals = changed;
        Runnable ask = () -> settled((each, handle) -> each.ask(handle, "watch_approvals", Json.of(), null))
                .thenAccept(result -> listener(() -> all.accept(rows(result))));
        return settled((each, handle) -> each.ask(handle, "watch_approvals", Json.of(), null)).thenAccept(result -> {
            listener(() -> all.accept(rows(result)));
            post(each -> watchAgain = ask);
        });
    }

    private static List<Object> rows(Object result) {
        Map<String, Object> map = Json.object(result);
        List<Object> rows = map == null ? null : Json.array(map.get("approvals"));
        return rows == null ? List.of() : rows;
    }

    CompletableFuture<Object> provide(List<Tool> offered) {
        List<Object> offers = new ArrayList<>();
        for (Tool tool : offered) {
            tools.put(tool.name(), tool);
            offers.add(tool.offer());
        }
        return settled((each, handle) -> each.provider.provide(handle, offers));
    }

    void close() {
        post(Machine::end);
        over.join();
        WebSocket last = socket;
        try {
            if (last != null) {
                last.await(6);
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    // What the machine wants done

    private void done(Effect effect) {
        if (effect instanceof Effect.Dial) {
            dial();
        } else if (effect instanceof Effect.Send send) {
            socket.send(send.text());
        } else if (effect instanceof Effect.Ping) {
            socket.ping();
        } else if (effect instanceof Effect.Close close) {
            ear.gone = true;
            socket.close(close.code());
        } else if (effect instanceof Effect.Cut) {
            ear.gone = true;
            socket.cut();
        } else if (effect instanceof Effect.Settle settle) {
            settle(settle);
        } else if (effect instanceof Effect.Hears hears) {
            ((Reading) hears.reader()).hears(hears.event());
        } else if (effect instanceof Effect.Ends ends) {
            ((Reading) ends.reader()).ends(ends.error());
        } else if (effect instanceof Effect.Runs runs) {
            Thread thread = daemon("agentgate-tool").newThread(() -> run(runs));
            running.put(runs.call(), thread);
            thread.start();
        } else if (effect instanceof Effect.Stops stops) {
            Thread thread = running.get(stops.call());
            if (thread != null) {
                thread.interrupt();
            }
        } else {
            tell(effect);
        }
    }

    private void tell(Effect effect) {
        if (effect instanceof Effect.Notified news) {
            Consumer<Map<String, Object>> watching = approvals;
            boolean change = "approval_changed".equals(news.method()) && watching != null;
            listener(change ? () -> watching.accept(news.params())
                    : () -> notified.accept(news.method(), news.params()));
        } else if (effect instanceof Effect.Noted note) {
            listener(() -> noted.accept(note.text(), note.error()));
        } else if (effect instanceof Effect.Opened now) {
            users.execute(() -> opened.complete(null));
            if (!now.first()) {
                watchAgain.run();
            }
        } else if (effect instanceof Effect.Over end) {
            over.complete(end.error());
            users.execute(() -> opened.completeExceptionally(end.error()));
        }
    }

    private void listener(Runnable what) {
        listeners.execute(() -> {
            try {
                what.run();
            } catch (RuntimeException wrong) {
                report(wrong);
            }
        });
    }

    @SuppressWarnings("unchecked") // handles of calls are the futures that settled() made
    private void settle(Effect.Settle settle) {
        CompletableFuture<Object> future = (CompletableFuture<Object>) settle.call();
        users.execute(() -> {
            if (settle.error() == null) {
                if (!future.complete(settle.data()) && settle.data() instanceof List<?> rows) {
                    untold(rows);
                }
            } else {
                future.completeExceptionally(settle.error());
            }
        });
    }

    /** Who asked for rows went away as they came: they are kept for whoever asks next. */
    private void untold(List<?> rows) {
        if (rows.stream().allMatch(row -> row instanceof Row)) {
            post(each -> each.untold(rows));
        }
    }

    private void run(Effect.Runs runs) {
        try {
            Object data = tools.get(runs.tool()).body().run(runs.args());
            returned(runs.call(), data);
        } catch (AgentGateException error) {
            over(runs.call(), each -> each.provider.fails(runs.call(), error.code(), error.getMessage()));
        } catch (InterruptedException stopped) {
            over(runs.call(), each -> each.provider.fails(runs.call(), AgentGateException.OUTCOME_UNKNOWN,
                    "it was stopped, and may have taken effect"));
        } catch (Exception | Error wrong) {
            String message = wrong.getMessage() == null ? wrong.toString() : wrong.getMessage();
            over(runs.call(), each -> each.provider.fails(runs.call(), -32004, message));
        }
    }

    private void returned(String call, Object data) {
        try {
            Json.write(data);
            over(call, each -> each.provider.returns(call, data));
        } catch (IllegalArgumentException none) {
            over(call, each -> each.provider.fails(call, AgentGateException.OUTCOME_UNKNOWN,
                    "the tool has run, and what it returned is no JSON: " + none.getMessage()));
        }
    }

    private void over(String call, Consumer<Machine> what) {
        post(each -> {
            running.remove(call);
            what.accept(each);
        });
    }

    private void dial() {
        ear = new Ear();
        socket = new WebSocket(uri, ear, clock);
        socket.open();
    }

    /** Passes on what is heard of a connection, as long as it is the last one. */
    private final class Ear implements WebSocket.Listener {
        private boolean gone;

        private void pass(boolean last, Consumer<Machine> what) {
            post(each -> {
                if (this == ear && !gone) {
                    gone = last;
                    what.accept(each);
                }
            });
        }

        @Override
        public void opened() {
            pass(false, Machine::connected);
        }

        @Override
        public void refused(int status, String retryAfter) {
            pass(true, each -> each.rejected(status, retryAfter));
        }

        @Override
        public void failed(String why) {
            pass(true, each -> each.dialFailed(why));
        }

        @Override
        public void heard() {
            pass(false, Machine::heard);
        }

        @Override
        public void text(String text) {
            pass(false, each -> each.received(text));
        }

        @Override
        public void closed(int code, String reason) {
            pass(true, each -> each.closed(code, reason));
        }

        @Override
        public void lost(String why) {
            pass(true, each -> each.lost(why));
        }
    }

    /** A thread that goes when there is nothing to do, so that nothing need be shut down. */
    private static ScheduledExecutorService scheduled(String name) {
        ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(1, daemon(name));
        executor.setKeepAliveTime(10, TimeUnit.SECONDS);
        executor.allowCoreThreadTimeOut(true);
        executor.setRemoveOnCancelPolicy(true);
        return executor;
    }

    private static ThreadFactory daemon(String name) {
        return what -> {
            Thread thread = new Thread(what, name);
            thread.setDaemon(true);
            return thread;
        };
    }
}
