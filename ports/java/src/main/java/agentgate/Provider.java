package agentgate;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What is said anew on every connection before calls flow: tools that are offered, and logins. */
final class Provider {
    private static final long ANSWER = 30 * Timers.SECOND;

    /** Tools that the user wants to offer; {@code handle} is null once the user was told. */
    private static final class Offer {
        private final List<Object> tools;
        private Object handle;

        private Offer(Object handle, List<Object> tools) {
            this.handle = handle;
            this.tools = tools;
        }
    }

    /** A login; {@code handle} likewise. */
    private static final class Login {
        private final String agent;
        private final String password;
        private Object handle;

        private Login(Object handle, String agent, String password) {
            this.handle = handle;
            this.agent = agent;
            this.password = password;
        }
    }

    private final Machine machine;
    private final Book book;
    private final Answers answers;
    private final Deque<Offer> unanswered = new ArrayDeque<>();
    private final Map<String, Login> logins = new LinkedHashMap<>();
    private final Deque<Runnable> steps = new ArrayDeque<>();
    /** What is offered on every connection, whatever the answer was before. */
    private Offer last;
    private boolean provided;
    private Runnable done;
    private Timers.Timer deadline;
    private Object step;

    Provider(Machine machine, Book book) {
        this.machine = machine;
        this.book = book;
        answers = new Answers(machine);
    }

    boolean provides() {
        return provided;
    }

    void provide(Object handle, List<Object> tools) {
        if (machine.isOver()) {
            machine.out(new Effect.Settle(handle, null, machine.overError(false)));
            return;
        }
        provided = true;
        Offer offer = new Offer(handle, tools);
        unanswered.add(offer);
        if (machine.isOpen()) {
            offer(offer, () -> { });
        } else if (machine.isPreparing()) {
            steps.add(() -> offer(offer, this::next));
        }
    }

    void login(Object handle, String agent, String password) {
        if (machine.isOver()) {
            machine.out(new Effect.Settle(handle, null, machine.overError(false)));
            return;
        }
        Login login = new Login(handle, agent, password);
        logins.put(agent, login);
        if (machine.isOpen()) {
            login(login, () -> { });
        } else if (machine.isPreparing()) {
            steps.add(() -> login(login, this::next));
        }
    }

    void logout(String agent) {
        logins.remove(agent);
    }

    /** Says all of it, one after the other; then goes on (P7, E5). */
    void prepare(Runnable then) {
        done = then;
        Offer waits = unanswered.peekLast();
        if (waits != null) {
            steps.add(() -> offer(waits, this::next));
        } else if (last != null && !last.tools.isEmpty()) {
            steps.add(() -> offer(last, this::next));
        }
        for (Login login : logins.values()) {
            steps.add(() -> login(login, this::next));
        }
        next();
    }

    private void next() {
        Timers.cancel(deadline);
        step = null;
        Runnable what = steps.poll();
        if (what != null) {
            Object mine = new Object();
            step = mine;
            // No answer, or none in time, holds up nothing (P8, E6).
            deadline = machine.timers.in(ANSWER, () -> {
                machine.out(new Effect.Noted("no answer to an offer of tools or a login within 30 s", null));
                skip(mine);
            });
            what.run();
        } else if (done != null) {
            Runnable then = done;
            done = null;
            then.run();
        }
    }

    private void skip(Object mine) {
        if (step == mine) {
            next();
        }
    }

    private void offer(Offer offer, Runnable then) {
        Object mine = step;
        book.send(new Call(null, "tools.provide", Json.of("tools", offer.tools), true, (data, error) -> {
            offered(offer, data, error);
            if (mine == null || step == mine) {
                then.run();
            }
        }));
    }

    private void offered(Offer offer, Object data, AgentGateException error) {
        boolean told = false;
        while (unanswered.contains(offer)) {
            Offer each = unanswered.poll();
            machine.out(new Effect.Settle(each.handle, data, error));
            told = true;
        }
        last = offer;
        if (error != null && !told) {
            machine.out(new Effect.Noted("the gateway refused the tools: " + error.getMessage(), error));
        }
    }

    private void login(Login login, Runnable then) {
        Object mine = step;
        Map<String, Object> params = Json.of("agent", login.agent, "password", login.password);
        book.send(new Call(null, "login_agent", params, true, (data, error) -> {
            if (login.handle != null) {
                machine.out(new Effect.Settle(login.handle, data, error));
                login.handle = null;
                if (error != null) {
                    logins.remove(login.agent, login);
                }
            } else if (error != null) {
                machine.out(new Effect.Noted("the login to " + login.agent + " was refused: "
                        + error.getMessage(), error));
            }
            if (mine == null || step == mine) {
                then.run();
            }
        }));
    }

    void lost() {
        Timers.cancel(deadline);
        step = null;
        steps.clear();
        done = null;
        answers.lost();
    }

    void finish() {
        answers.finish();
        for (Offer offer : unanswered) {
            machine.out(new Effect.Settle(offer.handle, null, machine.overError(false)));
        }
        unanswered.clear();
        for (Login login : logins.values()) {
            if (login.handle != null) {
                machine.out(new Effect.Settle(login.handle, null, machine.overError(false)));
            }
        }
        logins.clear();
    }

    // What others ask the tools for

    void asked(Message message) {
        Set<String> names = new HashSet<>();
        for (Offer each : offers()) {
            for (Object tool : each.tools) {
                names.add(String.valueOf(Json.object(tool).get("name")));
            }
        }
        answers.asked(message, names);
    }

    private List<Offer> offers() {
        List<Offer> all = new ArrayList<>(unanswered);
        if (last != null) {
            all.add(last);
        }
        return all;
    }

    void cancelled(Map<String, Object> params) {
        answers.cancelled(params.get("call"));
    }

    void returns(String call, Object data) {
        answers.over(call, Json.of("result", Json.of("data", data)));
    }

    void fails(String call, int code, String text) {
        boolean good = Set.of(-32004, -32602, -32601, -32006, -32007).contains(code);
        answers.over(call, Json.of("error", Json.of("code", good ? code : -32004, "message", text)));
    }

    /** The memory of what was asked: each call runs once (P17 to P19). */
    private static final class Answers {
        private static final int KEPT = 256;
        private static final int REMEMBERED = 65_536;

        private final Machine machine;
        /** Where each call that runs was asked last; null if that connection is gone. */
        private final Map<String, RequestId> running = new HashMap<>();
        private final Map<String, Map<String, Object>> kept = new LinkedHashMap<>();
        private final Set<String> ran = new LinkedHashSet<>();

        private Answers(Machine machine) {
            this.machine = machine;
        }

        private void asked(Message message, Set<String> names) {
            Map<String, Object> params = message.params;
            Map<String, Object> args = params == null ? null
                    : params.containsKey("args") ? Json.object(params.get("args")) : Json.of();
            boolean fits = args != null && params.get("tool") instanceof String
                    && RequestId.of(params.get("call")) instanceof RequestId.Text && !"".equals(params.get("call"))
                    && params.getOrDefault("timeout_s", 1L) instanceof Number;
            if (!fits) {
                machine.error(message.id, -32602, "the parameters of tools.call do not fit");
                return;
            }
            String call = (String) params.get("call");
            String tool = (String) params.get("tool");
            if (running.containsKey(call)) {
                running.put(call, message.id);
            } else if (kept.containsKey(call)) {
                answer(message.id, kept.get(call));
            } else if (ran.contains(call)) {
                machine.error(message.id, -32007, "the call has run, and its answer is not kept any more");
            } else if (!names.contains(tool)) {
                machine.error(message.id, -32601, "there is no tool " + tool);
            } else {
                running.put(call, message.id);
                ran.add(call);
                if (ran.size() > REMEMBERED) {
                    ran.remove(ran.iterator().next());
                }
                machine.out(new Effect.Runs(call, tool, args));
            }
        }

        private void over(String call, Map<String, Object> answer) {
            if (!running.containsKey(call)) {
                return;
            }
            RequestId id = running.remove(call);
            kept.put(call, answer);
            if (kept.size() > KEPT) {
                kept.remove(kept.keySet().iterator().next());
            }
            if (id != null && machine.isConnected()) {
                answer(id, answer);
            }
        }

        private void answer(RequestId id, Map<String, Object> answer) {
            Map<String, Object> message = Json.of("jsonrpc", "2.0");
            message.putAll(answer);
            message.put("id", id);
            String text = Json.write(message);
            if (Book.tooLarge(text)) {
                // Sent, it would end the connection, and the next one.
                machine.error(id, -32007, "the tool has run, and what it returned is larger than a message may be");
            } else {
                machine.out(new Effect.Send(text));
            }
        }

        private void cancelled(Object call) {
            if (call instanceof String && running.containsKey(call)) {
                machine.out(new Effect.Stops((String) call));
            }
        }

        private void lost() {
            running.replaceAll((call, id) -> null);
        }

        private void finish() {
            for (String call : running.keySet()) {
                machine.out(new Effect.Stops(call));
            }
        }
    }
}
