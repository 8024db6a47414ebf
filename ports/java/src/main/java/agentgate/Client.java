package agentgate;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A client of a gateway. It comes back by itself, finds out what became of each call, and tells each call's
 * end once. Any thread may use it. To cancel the future of a call is to give the call up: it is withdrawn.
 *
 * <p>Futures that end badly do so with an {@link AgentGateException}.
 */
public final class Client implements AutoCloseable {
    private final Runner runner;

    private Client(Runner runner) {
        this.runner = runner;
    }

    /**
     * Begins a client.
     *
     * @param url {@code wss://HOST:PORT}, or {@code ws://} on this machine
     * @param token of the principal; it goes into no URL and no log
     * @return its options; {@link Builder#open()} opens it
     */
    public static Builder to(String url, String token) {
        return new Builder(URI.create(url), token);
    }

    /** The options of a client. */
    public static final class Builder {
        private final URI uri;
        private final Settings settings = new Settings();
        private boolean insecure;
        private BiConsumer<String, Map<String, Object>> notified = (method, params) -> { };
        private BiConsumer<String, AgentGateException> noted = (text, error) -> { };

        private Builder(URI uri, String token) {
            this.uri = uri;
            settings.token = token;
            settings.clientId = UUID.randomUUID().toString();
        }

        /**
         * A name that lasts from process to process; one process at a time may have it. Without it: a fresh UUID.
         *
         * @param clientId the name
         * @return this
         */
        public Builder clientId(String clientId) {
            settings.clientId = clientId;
            return this;
        }

        /**
         * Whether to come back after a cut; without it the client is of the level minimal.
         *
         * @param reconnect true if so, as it is from the start
         * @return this
         */
        public Builder reconnect(boolean reconnect) {
            settings.reconnect = reconnect;
            return this;
        }

        /**
         * After how many further attempts in a row to give up.
         *
         * @param retries below 0: never
         * @return this
         */
        public Builder maxRetries(int retries) {
            settings.maxRetries = retries;
            return this;
        }

        /**
         * How many outcomes to keep for which no call waits.
         *
         * @param kept at most
         * @return this
         */
        public Builder keptMax(int kept) {
            settings.keptMax = kept;
            return this;
        }

        /**
         * Draws the pauses between attempts at random: for where hundreds share a gateway.
         *
         * @return this
         */
        public Builder jitter() {
            settings.jitter = pause -> ThreadLocalRandom.current().nextDouble() * pause;
            return this;
        }

        /**
         * Allows {@code ws://} to other machines: the token then travels in the clear.
         *
         * @return this
         */
        public Builder insecure() {
            insecure = true;
            return this;
        }

        /**
         * Asks to be told when a person is asked ({@code request_waiting}), and hears all notifications.
         *
         * @param listener of method and parameters
         * @return this
         */
        public Builder onNotification(BiConsumer<String, Map<String, Object>> listener) {
            settings.progress = true;
            notified = listener;
            return this;
        }

        /**
         * Hears what no call tells: that a connection broke and why, that an offer of tools was refused.
         *
         * @param listener of a text and, if there is one, the gateway's error
         * @return this
         */
        public Builder onNote(BiConsumer<String, AgentGateException> listener) {
            noted = listener;
            return this;
        }

        /**
         * Opens the client.
         *
         * @return done when calls flow; ends badly if the gateway can't be used for good
         * @throws IllegalArgumentException if the address is none, or the token would travel in the clear
         */
        public CompletableFuture<Client> open() {
            Upgrade.check(uri, insecure);
            settings.idPrefix = UUID.randomUUID() + "-";
            Runner runner = new Runner(uri, settings, notified, noted);
            Client client = new Client(runner);
            return runner.open().thenApply(nothing -> client);
        }
    }

    /**
     * Asks for a tool, with patience without end.
     *
     * @param tool its name
     * @param args its arguments, as JSON
     * @return what it returned
     */
    public CompletableFuture<Object> call(String tool, Map<String, ?> args) {
        return call(tool, args, null, null);
    }

    /**
     * Asks for a tool.
     *
     * @param tool its name
     * @param args its arguments, as JSON
     * @param patience after which the call is withdrawn; null: without end
     * @param idempotencyKey the caller's own name for this very act, or null
     * @return what it returned
     */
    public CompletableFuture<Object> call(String tool, Map<String, ?> args, Duration patience,
            String idempotencyKey) {
        return request(tool, args, patience, idempotencyKey, null, result -> ((Result) result).data());
    }

    /**
     * Asks for a tool, and hears what people made of it besides.
     *
     * @param tool its name
     * @param args its arguments, as JSON
     * @param patience after which the call is withdrawn; null: without end
     * @param idempotencyKey the caller's own name for this very act, or null
     * @param why the caller's own words for the person who may be asked about it, or null
     * @return what it returned, what the person said, and what it ran with
     */
    public CompletableFuture<Result> result(String tool, Map<String, ?> args, Duration patience,
            String idempotencyKey, String why) {
        return request(tool, args, patience, idempotencyKey, why, Result.class::cast);
    }

    private <T> CompletableFuture<T> request(String tool, Map<String, ?> args, Duration patience,
            String idempotencyKey, String why, Function<Object, T> made) {
        Map<String, Object> given = copy(args);
        return runner.settled((machine, handle) ->
                machine.call(handle, tool, given, seconds(patience), idempotencyKey, why), made);
    }

    /**
     * Makes any other call.
     *
     * @param method of the protocol
     * @param params its parameters
     * @return its result as it is
     */
    public CompletableFuture<Object> ask(String method, Map<String, ?> params) {
        return ask(method, params, null);
    }

    /**
     * Makes any other call.
     *
     * @param method of the protocol
     * @param params its parameters
     * @param patience after which it ends; null: without end
     * @return its result as it is
     */
    public CompletableFuture<Object> ask(String method, Map<String, ?> params, Duration patience) {
        Map<String, Object> given = copy(params);
        return runner.settled((machine, handle) -> machine.ask(handle, method, given, seconds(patience)));
    }

    /**
     * Lists the tools that may be asked for.
     *
     * @return the result of {@code list_tools}
     */
    public CompletableFuture<Object> listTools() {
        return ask("list_tools", Map.of());
    }

    /**
     * Collects the outcomes for which no call waits: of calls that were given up, and of former processes.
     *
     * @return each of them, once
     */
    public CompletableFuture<List<Row>> getPendingResults() {
        return runner.collect();
    }

    /**
     * Watches the approvals, for a client of an approver; over any cut.
     *
     * @param all is told all that wait: at first, and again after each cut
     * @param changed is told each approval that has changed, as it stands then
     * @return done when they are watched
     */
    public CompletableFuture<Void> watchApprovals(Consumer<List<Object>> all,
            Consumer<Map<String, Object>> changed) {
        return runner.watchApprovals(all, changed);
    }

    /**
     * Answers an approval. After a cut it is made again; that it was taken before then is no error.
     *
     * @param id of the approval
     * @param approve yes or no
     * @param code a one-time code where it is needed, else null
     * @return the approval as it stands
     */
    public CompletableFuture<Object> decide(String id, boolean approve, String code) {
        Map<String, Object> params = Json.of("id", id, "decision", approve ? "approve" : "deny");
        if (code != null) {
            params.put("code", code);
        }
        return ask("decide_approval", params);
    }

    /**
     * Watches a session.
     *
     * @param session its id
     * @param cursor after the last event that is known; null: where the gateway begins
     * @return its events
     */
    public Reading watch(String session, Cursor cursor) {
        return runner.reading((machine, handle) -> machine.sessions.watch(handle, session, cursor));
    }

    /**
     * Says something in a session, and reads the run to its end.
     *
     * @param session its id
     * @param text what to say
     * @param messageId names this message for ever; null: a fresh name
     * @return the events of the run
     */
    public Reading say(String session, String text, String messageId) {
        String id = messageId == null ? UUID.randomUUID().toString() : messageId;
        return runner.reading((machine, handle) -> machine.sessions.say(handle,
                Json.of("session", session, "text", text, "message_id", id)));
    }

    /**
     * Provides tools to others, in place of those before; on every connection.
     *
     * @param tools all of them; none withdraws them
     * @return the names that the gateway gave, as {@code names}
     */
    public CompletableFuture<Object> provide(List<Tool> tools) {
        return runner.provide(List.copyOf(tools));
    }

    /**
     * Logs in to a named agent, on every connection.
     *
     * @param agent its id or its name
     * @param password its own
     * @return the result of {@code login_agent}
     */
    public CompletableFuture<Object> login(String agent, String password) {
        return runner.settled((machine, handle) -> machine.provider.login(handle, agent, password));
    }

    /**
     * Logs out of a named agent.
     *
     * @param agent as it was logged in to
     * @return the result of {@code logout_agent}
     */
    public CompletableFuture<Object> logout(String agent) {
        runner.post(machine -> machine.provider.logout(agent));
        return ask("logout_agent", Map.of("agent", agent));
    }

    /**
     * When and why the client is over for good.
     *
     * @return done then, with the reason
     */
    public CompletableFuture<AgentGateException> over() {
        return runner.over();
    }

    /** Ends all calls that wait, acknowledges what has come, and closes the connection. */
    @Override
    public void close() {
        runner.close();
    }

    /** What is sent again must be what was given (R6), whatever its giver does with it meanwhile. */
    private static Map<String, Object> copy(Map<String, ?> given) {
        try {
            return Json.object(Json.parse(Json.write(given)));
        } catch (Json.NoJson impossible) {
            throw new IllegalArgumentException(impossible);
        }
    }

    private static Double seconds(Duration patience) {
        return patience == null ? null : (Double) (patience.toNanos() / 1e9);
    }
}
