package agentgate;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/** Drives a client for {@code agent-gate conformance --listen}. Its arguments are the URL and the level. */
public final class Driver {
    private final String url;
    private final String level;
    private final String lasting = "driver-" + UUID.randomUUID();
    private final Map<String, Integer> counts = new ConcurrentHashMap<>();
    private List<Object> failed = new ArrayList<>();
    private Map<String, Object> report;
    private boolean last;

    private Driver(String url, String level) {
        this.url = url;
        this.level = level;
    }

    /** How a call ended. */
    private record Ending(Object data, AgentGateException error) {
        static Ending of(CompletableFuture<?> future) {
            try {
                return new Ending(future.join(), null);
            } catch (CompletionException wrong) {
                return new Ending(null, (AgentGateException) wrong.getCause());
            }
        }

        Map<String, Object> json() {
            if (error == null) {
                return data instanceof Result result ? result.json() : Json.of("data", data);
            }
            return Json.of("error", Json.of("code", error.code(), "sent", error.wasSent()),
                    "word", error.word(), "edited", error.edited());
        }
    }

    private CompletableFuture<Client> open() {
        Client.Builder builder = Client.to(url, "conformance-token").reconnect(!level.equals("minimal"));
        if (level.equals("kept-rows") || level.equals("all")) {
            builder.clientId(lasting);
        }
        return builder.open();
    }

    private void run() throws InterruptedException {
        int refusals = 0;
        while (refusals < 10) {
            CompletableFuture<Client> opening = open();
            Ending ending = Ending.of(opening);
            if (ending.error() != null) {
                refusals++;
                failed.add(Json.of("code", ending.error().code()));
                Thread.sleep(200);
                continue;
            }
            refusals = 0;
            try (Client client = (Client) ending.data()) {
                use(client);
            }
            if (last && report == null) {
                return;
            }
        }
    }

    private void use(Client client) throws InterruptedException {
        while (true) {
            if (report != null) {
                Map<String, Object> told = new LinkedHashMap<>(report);
                if (Boolean.TRUE.equals(told.remove("collect"))) {
                    Ending rows = Ending.of(client.getPendingResults());
                    if (rows.error() != null) {
                        return;
                    }
                    List<Object> all = new ArrayList<>();
                    ((List<?>) rows.data()).forEach(row -> all.add(((Row) row).json()));
                    told.put("rows", all);
                }
                told.put("failed", failed);
                failed = new ArrayList<>();
                report = null;
                Ending made = Ending.of(client.call("report", told));
                if (over(made)) {
                    if (!made.error().wasSent()) {
                        report = told;
                    }
                    return;
                }
            }
            if (last) {
                return;
            }
            Ending next = Ending.of(client.call("next", Map.of()));
            if (over(next)) {
                return;
            }
            if (next.error() == null && Json.object(next.data()) != null) {
                play(client, Json.object(next.data()));
            }
        }
    }

    private static boolean over(Ending ending) {
        return ending.error() != null && (ending.error().code() == AgentGateException.CONNECTION_LOST
                || ending.error().code() == AgentGateException.NOT_AUTHENTICATED);
    }

    private void play(Client client, Map<String, Object> task) throws InterruptedException {
        last = Boolean.TRUE.equals(task.get("last"));
        Ending provided = null;
        if (task.containsKey("provide")) {
            provided = Ending.of(client.provide(tools(Json.array(task.get("provide")))));
        }
        List<CompletableFuture<Ending>> calls = new ArrayList<>();
        for (Object each : Json.array(task.get("calls"))) {
            calls.add(call(client, Json.object(each)));
        }
        if (task.containsKey("close_after")) {
            calls.get(((Long) task.get("close_after")).intValue()).join();
            client.close();
        }
        List<Object> results = new ArrayList<>();
        calls.forEach(each -> results.add(each.join().json()));
        Map<String, Object> made = Json.of("task", task.get("task"), "results", results,
                "knows", List.of("why", "word", "edited"));
        if (task.containsKey("session")) {
            List<Object> readers = new ArrayList<>();
            for (Object each : Json.array(task.get("session"))) {
                readers.add(read(client, Json.object(each)));
            }
            made.put("session", readers);
        }
        if (provided != null) {
            Ending.of(client.provide(List.of()));
            made.put("provide", provided.error() == null ? provided.data() : provided.json());
        }
        if (Boolean.TRUE.equals(task.get("collect"))) {
            made.put("collect", true);
        }
        report = made;
    }

    private static CompletableFuture<Ending> call(Client client, Map<String, Object> call) {
        Object timeout = call.get("timeout_s");
        Duration patience = timeout == null ? null : Duration.ofNanos((long) (((Number) timeout).doubleValue() * 1e9));
        Map<String, Object> args = Json.object(call.getOrDefault("args", Json.of()));
        Object wait = call.get("wait_s");
        String why = (String) call.get("why");
        CompletableFuture<Result> future;
        if (wait == null) {
            future = client.result((String) call.get("tool"), args, patience, null, why);
        } else {
            future = CompletableFuture.supplyAsync(() -> null, CompletableFuture.delayedExecutor(
                    (long) (((Number) wait).doubleValue() * 1e6), TimeUnit.MICROSECONDS))
                    .thenCompose(nothing -> client.result((String) call.get("tool"), args, patience, null, why));
        }
        return future.handle((data, error) -> new Ending(data, (AgentGateException)
                (error instanceof CompletionException ? error.getCause() : error)));
    }

    private static Map<String, Object> read(Client client, Map<String, Object> task) throws InterruptedException {
        String session = (String) task.get("session");
        Map<String, Object> say = Json.object(task.get("say"));
        Map<String, Object> watch = Json.object(task.get("watch"));
        List<Object> events = new ArrayList<>();
        Map<String, Object> told = Json.of("events", events);
        Reading reading = say != null
                ? client.say(session, (String) say.get("text"), (String) say.get("message_id"))
                : client.watch(session, watch.isEmpty() ? null
                        : new Cursor((String) watch.get("epoch"), (Long) watch.get("offset")));
        try (reading) {
            while (true) {
                SessionEvent event = reading.next();
                if (event == null) {
                    break;
                }
                events.add(Json.of("kind", event.kind(), "offset", event.offset(), "count", event.count(),
                        "data", event.data()));
                if (say == null && Boolean.TRUE.equals(event.get("last"))) {
                    break;
                }
            }
        } catch (AgentGateException wrong) {
            told.put("error", Json.of("code", wrong.code()));
        }
        if (say != null) {
            told.put("text", reading.text());
        }
        return told;
    }

    private List<Tool> tools(List<Object> names) {
        List<Tool> tools = new ArrayList<>();
        for (Object name : names) {
            tools.add(new Tool((String) name, "of the driver", "write", null, args -> {
                if ("fail".equals(name)) {
                    throw new IllegalStateException((String) args.get("text"));
                }
                int runs = counts.merge((String) args.get("key"), 1, Integer::sum);
                if ("wait".equals(name)) {
                    Thread.sleep((long) (((Number) args.get("seconds")).doubleValue() * 1000));
                }
                return Json.of("key", args.get("key"), "runs", runs);
            }));
        }
        return tools;
    }

    /**
     * Drives until the last task.
     *
     * @param args the URL and the level
     * @throws InterruptedException if it is interrupted
     */
    public static void main(String[] args) throws InterruptedException {
        new Driver(args[0], args[1]).run();
        System.exit(0);
    }
}
