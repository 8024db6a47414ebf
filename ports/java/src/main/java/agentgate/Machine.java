package agentgate;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/** The whole client without socket and clock: events in, effects out. One thread at a time. */
final class Machine {
    private enum Phase { IDLE, DIALING, AUTHENTICATING, RECONCILING, PREPARING, OPEN, PAUSING, OVER }

    static final RequestId AUTH = new RequestId.Text("auth-1");
    private static final Set<Integer> FINAL = Set.of(-32005, -32600, -32601, -32602);
    private static final Set<Integer> NO_GATEWAY = Set.of(400, 401, 403, 404, 405, 426);

    final Timers timers = new Timers();
    final Sessions sessions;
    final Provider provider;
    private final Settings settings;
    private final Consumer<Effect> effects;
    private final Kept kept;
    private final Book book;
    private final Acks acks;
    private final KeepAlive keepAlive;
    private final Reconciliation reconciliation;
    private Phase phase = Phase.IDLE;
    private AgentGateException over;
    private int failures;
    private boolean stood;
    private String epoch;
    private String principal = "";
    private String role = "";
    private Double retention;
    private Timers.Timer deadline;

    Machine(Settings settings, Consumer<Effect> effects) {
        this.settings = settings;
        this.effects = effects;
        kept = new Kept(settings.keptMax, settings.idPrefix);
        book = new Book(this, timers, kept, settings.idPrefix);
        acks = new Acks(this, timers);
        keepAlive = new KeepAlive(this, timers);
        reconciliation = new Reconciliation(this, timers, book, kept, acks);
        sessions = new Sessions(this, book);
        provider = new Provider(this, book);
    }

    void out(Effect effect) {
        effects.accept(effect);
    }

    boolean isOpen() {
        return phase == Phase.OPEN;
    }

    boolean isPreparing() {
        return phase == Phase.PREPARING;
    }

    boolean isOver() {
        return phase == Phase.OVER;
    }

    boolean isConnected() {
        return phase == Phase.RECONCILING || phase == Phase.PREPARING || phase == Phase.OPEN;
    }

    String principal() {
        return principal;
    }

    /** Why it is over, for a call that was sent or was not. */
    AgentGateException overError(boolean sent) {
        return sent ? AgentGateException.sent(over.code(), over.getMessage()) : over;
    }

    void advance(long micros) {
        timers.advance(micros);
    }

    // What the socket says

    void open() {
        if (phase == Phase.IDLE) {
            dial();
        }
    }

    private void dial() {
        phase = Phase.DIALING;
        out(new Effect.Dial());
    }

    void connected() {
        phase = Phase.AUTHENTICATING;
        keepAlive.begin();
        Map<String, Object> params = Json.of("token", settings.token, "client_id", settings.clientId);
        if (settings.progress) {
            params.put("progress", true);
        }
        out(new Effect.Send(Json.write(Json.of("jsonrpc", "2.0", "method", "auth", "params", params, "id", AUTH))));
        deadline = timers.in(10 * Timers.SECOND, () -> refused(
                AgentGateException.of(AgentGateException.NOT_AUTHENTICATED, "no answer to auth within 10 s"), false));
    }

    void dialFailed(String why) {
        failed("no connection: " + why, 0);
    }

    void rejected(int status, String retryAfter) {
        if (!stood && NO_GATEWAY.contains(status)) {
            finish(AgentGateException.of(AgentGateException.CONNECTION_LOST,
                    "the gateway refused the connection with HTTP status " + status));
            return;
        }
        double pause = 0;
        if (retryAfter != null && retryAfter.matches("[0-9]{1,9}")) {
            pause = Integer.parseInt(retryAfter);
        }
        failed("the gateway refused the connection with HTTP status " + status, pause);
    }

    void lost(String why) {
        if (phase != Phase.PAUSING && phase != Phase.OVER) {
            failed("the connection broke: " + why, 0);
        }
    }

    /** A close frame; answering it is the adapter's business. */
    void closed(int code, String reason) {
        if (phase == Phase.PAUSING || phase == Phase.OVER) {
            return;
        }
        String why = "the gateway closed the connection (" + code + ")";
        if (code == 1002 || code == 1003 || code == 1007 || code == 1009) {
            out(new Effect.Noted(why + ", which is a bug of one side: " + reason, null));
        }
        if (code == 4409) {
            finish(AgentGateException.of(AgentGateException.CONNECTION_LOST, why));
        } else {
            failed(why, 0);
        }
    }

    /** A byte has come (K3). */
    void heard() {
        keepAlive.heard();
    }

    void received(String text) {
        heard();
        Message message = Message.parse(text);
        if (phase == Phase.AUTHENTICATING) {
            authenticated(message);
        } else if (isConnected() && message != null) {
            switch (message.kind) {
                case REQUEST:
                    asked(message);
                    break;
                case NOTIFICATION:
                    told(message);
                    break;
                default:
                    answered(message.seq(), book.answered(message), message.id);
            }
        }
    }

    private void answered(long seq, boolean taken, RequestId id) {
        if (!taken) {
            acks.block();
        } else if (seq > 0) {
            acks.seen(seq);
        }
    }

    private void asked(Message message) {
        if ("tools.call".equals(message.method) && provider.provides()) {
            provider.asked(message);
        } else {
            error(message.id, -32601, "Method not found");
        }
    }

    private void told(Message message) {
        if (message.params == null) {
            return;
        }
        if ("session_event".equals(message.method)) {
            sessions.told(message.params);
        } else if ("tools.cancel".equals(message.method)) {
            provider.cancelled(message.params);
        } else {
            out(new Effect.Notified(message.method, message.params));
        }
    }

    void error(RequestId id, int code, String text) {
        out(new Effect.Send(Json.write(Json.of("jsonrpc", "2.0", "error", Json.of("code", code, "message", text),
                "id", id))));
    }

    // Authentication

    private void authenticated(Message message) {
        boolean answer = message != null && message.kind == Message.Kind.ANSWER
                && AUTH.equals(message.id);
        if (!answer) {
            refused(odd(), false);
        } else if (message.error != null) {
            refused(message.error, true);
        } else {
            Welcome welcome = Welcome.of(message.result);
            if (welcome == null) {
                refused(odd(), false);
            } else {
                Timers.cancel(deadline);
                welcomed(welcome);
            }
        }
    }

    private static AgentGateException odd() {
        return AgentGateException.of(AgentGateException.CONNECTION_LOST,
                "the answer to auth is none: is this a gateway?");
    }

    private void refused(AgentGateException error, boolean answered) {
        out(new Effect.Close(1000));
        boolean later = answered && error.code() == AgentGateException.LIMIT_EXCEEDED;
        boolean forGood = answered && FINAL.contains(error.code());
        if (!settings.reconnect || forGood || (!later && !stood)) {
            finish(error);
            return;
        }
        Map<String, Object> data = Json.object(error.data());
        Object pause = later && data != null ? data.get("retry_after_s") : null;
        failed("auth: " + error.getMessage(), pause instanceof Number ? ((Number) pause).doubleValue() : 0);
    }

    private void welcomed(Welcome welcome) {
        principal = welcome.principal();
        role = welcome.role();
        retention = welcome.retention();
        book.countFrom(welcome.highestId());
        kept.begins(welcome.highestId());
        acks.begin();
        boolean first = !stood;
        boolean same = welcome.epoch().equals(epoch);
        epoch = welcome.epoch();
        stood = true;
        if (first) {
            prepare(new ArrayList<>(), true);
            return;
        }
        phase = Phase.RECONCILING;
        if (!same) {
            book.forgotten();
        }
        reconciliation.begin(retention, again -> prepare(again, false));
    }

    private void prepare(List<Call> again, boolean first) {
        failures = 0;
        phase = Phase.PREPARING;
        provider.prepare(() -> {
            phase = Phase.OPEN;
            book.sendAgain(again);
            sessions.opened();
            book.flush();
            out(new Effect.Opened(first, principal, role));
        });
    }

    // How a connection ends

    void cut(String why) {
        out(new Effect.Cut(why));
        failed(why, 0);
    }

    private void failed(String why, double atLeast) {
        down();
        failures++;
        boolean spent = settings.maxRetries >= 0 && failures > settings.maxRetries;
        if (!settings.reconnect || spent) {
            finish(AgentGateException.of(AgentGateException.CONNECTION_LOST, why));
            return;
        }
        phase = Phase.PAUSING;
        double pause = failures > 5 ? 30 : 1 << (failures - 1);
        pause = settings.jitter.applyAsDouble(pause);
        deadline = timers.in(Timers.micros(Math.max(pause, Math.min(atLeast, 3600))), this::dial);
        out(new Effect.Noted(why, null));
    }

    private void down() {
        Timers.cancel(deadline);
        reconciliation.end();
        acks.end();
        keepAlive.end();
        book.lost();
        sessions.lost();
        provider.lost();
    }

    private void finish(AgentGateException error) {
        down();
        over = error;
        phase = Phase.OVER;
        provider.finish();
        book.finish();
        sessions.finish(error);
        out(new Effect.Over(error));
    }

    /** The user closes it. */
    void end() {
        if (phase == Phase.OVER) {
            return;
        }
        boolean asleep = phase == Phase.IDLE || phase == Phase.PAUSING;
        if (isConnected()) {
            acks.now();
        }
        sessions.closing();
        if (phase == Phase.DIALING) {
            out(new Effect.Cut("closed"));
        } else if (!asleep) {
            out(new Effect.Close(1000));
        }
        finish(AgentGateException.of(AgentGateException.CONNECTION_LOST, "the client is closed"));
    }

    // What the user wants

    /** A call for a tool; it is settled with a {@link Result}. */
    void call(Object handle, String tool, Map<String, Object> args, Double timeout, String key, String why) {
        Map<String, Object> params = Json.of("tool", tool, "args", args);
        if (key != null) {
            params.put("idempotency_key", key);
        }
        if (why != null) {
            params.put("why", why);
        }
        ask(handle, "tool_request", params, timeout);
    }

    void ask(Object handle, String method, Map<String, Object> params, Double timeout) {
        book.make(new Call(handle, method, params, false,
                (data, error) -> out(new Effect.Settle(handle, data, error))), timeout);
    }

    void cancel(Object handle) {
        book.cancel(handle);
    }

    /** Rows reached nobody after all. */
    void untold(List<?> rows) {
        kept.untold(rows);
    }

    void collect(Object handle) {
        new Collection(book, kept, acks, rows -> {
            out(new Effect.Settle(handle, rows, null));
            if (isConnected() && kept.roomAgain()) {
                cut("there is room again for outcomes that could not be kept");
            }
        }, error -> out(new Effect.Settle(handle, null, error))).begin(handle);
    }
}
