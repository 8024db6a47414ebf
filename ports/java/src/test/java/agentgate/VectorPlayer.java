package agentgate;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Replays the client's vectors on virtual time. Its argument is the folder that has them. */
public final class VectorPlayer {
    private final Map<String, Deque<Object>> outputs = new LinkedHashMap<>();
    private final Values values = new Values();
    private final Machine machine;
    private final boolean pings;
    private double time;

    private VectorPlayer(Map<String, Object> vector) {
        Settings settings = new Settings();
        settings.token = "secret";
        settings.clientId = "robot-1";
        settings.idPrefix = "text-";
        Map<String, Object> client = Json.object(vector.getOrDefault("client", Json.of()));
        settings.maxRetries = client.get("max_retries") instanceof Long max ? max.intValue() : -1;
        settings.keptMax = client.get("kept_max") instanceof Long max ? max.intValue() : 1000;
        pings = vector.containsKey("watch") && Json.array(vector.get("watch")).contains("ping");
        machine = new Machine(settings, this::took);
    }

    private void out(String kind, Object value) {
        outputs.computeIfAbsent(kind, key -> new ArrayDeque<>()).add(value);
    }

    private void took(Effect effect) {
        try {
            if (effect instanceof Effect.Send send) {
                out("send", Json.parse(send.text()));
            } else if (effect instanceof Effect.Dial) {
                out("dial", true);
            } else if (effect instanceof Effect.Close close) {
                out("close", (long) close.code());
            } else if (effect instanceof Effect.Ping) {
                if (pings && time > 0) {
                    out("ping", true);
                } else {
                    machine.heard();
                }
            } else if (effect instanceof Effect.Settle settle) {
                out("settle " + settle.call(), settled(settle));
            } else if (effect instanceof Effect.Hears hears) {
                SessionEvent event = hears.event();
                out("hears " + hears.reader(), Json.of("name", hears.reader(), "event", Json.of("kind", event.kind(),
                        "offset", event.offset(), "count", event.count(), "data", event.data())));
            } else if (effect instanceof Effect.Ends ends) {
                out("hears " + ends.reader(), Json.of("name", ends.reader(),
                        "end", ends.error() == null ? 0L : (long) ends.error().code()));
            } else if (effect instanceof Effect.Runs runs) {
                out("runs", Json.of("call", runs.call(), "tool", runs.tool(), "args", runs.args()));
            } else if (effect instanceof Effect.Stops stops) {
                out("stops", stops.call());
            }
        } catch (Json.NoJson wrong) {
            throw new IllegalStateException(wrong);
        }
    }

    private static Map<String, Object> settled(Effect.Settle settle) {
        Map<String, Object> map = Json.of("call", settle.call());
        if (settle.error() != null) {
            map.put("error", Json.of("code", settle.error().code(), "message", settle.error().getMessage(),
                    "data", settle.error().data()));
        } else if (settle.data() instanceof Result result) {
            map.putAll(result.json());
        } else if (settle.data() instanceof List<?> rows && !rows.isEmpty() && rows.get(0) instanceof Row) {
            map.put("data", rows.stream().map(row -> ((Row) row).json()).collect(Collectors.toList()));
        } else {
            map.put("data", settle.data());
        }
        return map;
    }

    private void play(List<Object> steps) {
        for (int i = 0; i < steps.size(); i++) {
            Map<String, Object> step = Json.object(steps.get(i));
            String kind = step.keySet().iterator().next();
            try {
                if (!input(kind, step.get(kind))) {
                    wants(kind, step.get(kind));
                }
            } catch (IllegalStateException wrong) {
                throw new IllegalStateException(
                        "step " + i + " " + Json.write(step) + ": " + wrong.getMessage(), wrong);
            }
        }
        nothingLeft();
    }

    private void wants(String kind, Object wanted) {
        Map<String, Object> map = Json.object(wanted);
        String queue = kind.equals("settle") ? "settle " + map.get("call")
                : kind.equals("hears") ? "hears " + map.get("name") : kind;
        Deque<Object> got = outputs.get(queue);
        if (got == null || got.isEmpty()) {
            throw new IllegalStateException("is missing; there is " + outputs);
        }
        Object value = got.poll();
        String wrong = values.compare(wanted, value, "");
        if (wrong != null) {
            throw new IllegalStateException(wrong + " in " + value);
        }
    }

    private void nothingLeft() {
        outputs.values().removeIf(Deque::isEmpty);
        if (!outputs.isEmpty()) {
            throw new IllegalStateException("comes besides: " + outputs);
        }
    }

    private boolean input(String kind, Object raw) {
        Object value = values.fill(raw);
        Map<String, Object> map = Json.object(value);
        switch (kind) {
            case "open":
                machine.open();
                return true;
            case "connected":
                machine.connected();
                return true;
            case "dial_failed":
                machine.dialFailed((String) value);
                return true;
            case "rejected":
                machine.rejected(((Long) map.get("status")).intValue(), (String) map.get("retry_after"));
                return true;
            case "receive":
                machine.received(Json.write(value));
                return true;
            case "receive_text":
                machine.received((String) value);
                return true;
            case "closed":
                machine.closed(((Long) map.get("code")).intValue(), (String) map.get("reason"));
                return true;
            case "lost":
                machine.lost("no");
                return true;
            case "call":
                machine.call(map.get("name"), (String) map.get("tool"), Json.object(map.get("args")), timeout(map),
                        (String) map.get("idempotency_key"), (String) map.get("why"));
                return true;
            case "ask":
                machine.ask(map.get("name"), (String) map.get("method"), Json.object(map.get("params")), timeout(map));
                return true;
            case "cancel":
                machine.cancel(value);
                return true;
            case "collect":
                machine.collect(value);
                return true;
            case "end":
                machine.end();
                return true;
            case "watch":
                Map<String, Object> cursor = Json.object(map.get("cursor"));
                machine.sessions.watch(map.get("name"), (String) map.get("session"), cursor == null ? null
                        : new Cursor((String) cursor.get("epoch"), (Long) cursor.get("offset")));
                return true;
            case "say":
                machine.sessions.say(map.get("name"), Json.of("session", map.get("session"),
                        "text", map.get("text"), "message_id", map.get("message_id")));
                return true;
            case "leave":
                machine.sessions.leave(value);
                return true;
            case "provide":
                machine.provider.provide(map.get("name"), Json.array(map.get("tools")));
                return true;
            case "login":
                machine.provider.login(map.get("name"), (String) map.get("agent"), (String) map.get("password"));
                return true;
            case "returns":
                machine.provider.returns((String) map.get("call"), map.get("data"));
                return true;
            case "fails":
                machine.provider.fails((String) map.get("call"), ((Long) map.get("code")).intValue(),
                        (String) map.get("message"));
                return true;
            case "advance":
                nothingLeft();
                time += ((Number) value).doubleValue();
                machine.advance(Timers.micros(time));
                return true;
            default:
                return false;
        }
    }

    private static Double timeout(Map<String, Object> map) {
        return map.containsKey("timeout_s") ? (Double) ((Number) map.get("timeout_s")).doubleValue() : null;
    }

    /**
     * Plays all of them.
     *
     * @param args the folder of the vectors
     * @throws Exception if one can't be read
     */
    public static void main(String[] args) throws Exception {
        List<Path> files;
        try (Stream<Path> all = Files.list(Path.of(args[0]))) {
            files = all.filter(path -> path.getFileName().toString().matches("client-.*\\.json")).sorted()
                    .collect(Collectors.toList());
        }
        int played = 0;
        List<String> failed = new ArrayList<>();
        for (Path file : files) {
            Map<String, Object> content = Json.object(Json.parse(Files.readString(file)));
            for (Object each : Json.array(content.get("vectors"))) {
                Map<String, Object> vector = Json.object(each);
                played++;
                try {
                    new VectorPlayer(vector).play(Json.array(vector.get("steps")));
                } catch (RuntimeException wrong) {
                    failed.add(file.getFileName() + ": " + vector.get("name") + " (" + vector.getOrDefault("rules",
                            content.get("rules")) + "): " + wrong);
                }
            }
        }
        failed.forEach(System.out::println);
        System.out.println(played + " vectors of " + files.size() + " files, " + failed.size() + " failed");
        System.exit(failed.isEmpty() && played > 0 ? 0 : 1);
    }
}
