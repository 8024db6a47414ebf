package agentgate;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * A client that a test directs: one JSON command a line on standard input, one JSON event a line on standard
 * output. Its arguments are the URL, the token and the client_id; {@code -Dretries=N} bounds its attempts.
 */
public final class Flows {
    private Client client;

    private Flows() {
    }

    private static synchronized void say(Object event) {
        System.out.println(Json.write(event));
    }

    private CompletableFuture<?> command(String[] args, Map<String, Object> more) {
        Map<String, Object> given = Json.object(more.getOrDefault("args", Json.of()));
        Duration patience = more.containsKey("timeout_s")
                ? Duration.ofMillis((long) (((Number) more.get("timeout_s")).doubleValue() * 1000)) : null;
        String tool = (String) more.get("tool");
        switch ((String) more.get("command")) {
            case "connect":
                return Client.to(args[0], args[1]).clientId(args[2])
                        .maxRetries(Integer.getInteger("retries", -1))
                        .onNotification((method, params) -> say(Json.of(method, params)))
                        .open().thenApply(opened -> {
                            client = opened;
                            return true;
                        });
            case "call":
                return client.call(tool, given, patience, (String) more.get("key"));
            case "ask":
                return client.result(tool, given, patience, null, (String) more.get("why")).thenApply(Result::json);
            case "withdrawn":
                CompletableFuture<Object> future = client.call(tool, given);
                CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS).execute(() -> future.cancel(false));
                return future;
            case "collect":
                return client.getPendingResults().thenApply(rows ->
                        rows.stream().map(Row::json).collect(Collectors.toList()));
            case "watch":
                return client.watchApprovals(all -> say(Json.of("all", all)),
                        changed -> say(Json.of("changed", changed))).thenApply(nothing -> true);
            case "decide":
                return client.decide((String) more.get("id"), Boolean.TRUE.equals(more.get("approve")), null);
            case "provide":
                return client.provide(List.of(
                        new Tool("double", "", "read", Json.of("type", "object", "required", List.of("n")),
                                asked -> 2 * (Long) asked.get("n")),
                        new Tool("broken", "", "read", null, asked -> {
                            throw new IllegalStateException("no motor");
                        }),
                        new Tool("slow", "", "read", null, asked -> {
                            try {
                                Thread.sleep(60_000);
                            } finally {
                                say(Json.of("stopped", true));
                            }
                            return null;
                        })));
            case "close":
                client.close();
                return CompletableFuture.completedFuture(true);
            default:
                throw new IllegalArgumentException(String.valueOf(more.get("command")));
        }
    }

    private static Map<String, Object> ended(String name, Object data, Throwable error) {
        if (error == null) {
            return Json.of("name", name, "data", data);
        }
        Throwable cause = error instanceof CompletionException ? error.getCause() : error;
        if (cause instanceof AgentGateException wrong) {
            return Json.of("name", name, "error", Json.of("code", wrong.code(), "message", wrong.getMessage(),
                    "data", wrong.data(), "sent", wrong.wasSent()));
        }
        return Json.of("name", name, "error", Json.of("code", 0, "message", String.valueOf(cause)));
    }

    /**
     * Does what it is told until there is nothing more.
     *
     * @param args the URL, the token, the client_id
     * @throws Exception if a command is none
     */
    public static void main(String[] args) throws Exception {
        Flows flows = new Flows();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, Object> more = Json.object(Json.parse(line));
            flows.command(args, more).whenComplete((data, error) ->
                    say(ended((String) more.get("name"), data, error)));
        }
        if (flows.client != null) {
            flows.client.close();
        }
    }
}
