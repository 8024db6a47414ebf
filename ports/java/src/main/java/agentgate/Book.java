package agentgate;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** All calls that have not ended: those that were sent, and those that wait. */
final class Book {
    static final int LARGEST = 1_048_576;
    static final int WINDOW = 768;
    static final double WITHDRAWAL_S = 2;
    private static final long LAST_EXACT = (1L << 53) - 1;

    private final Machine machine;
    private final Timers timers;
    private final Kept kept;
    private final String prefix;
    /** In the order in which they were first sent. */
    private final Map<RequestId, Call> sent = new LinkedHashMap<>();
    private final Set<Call> queue = new LinkedHashSet<>();
    private final Map<Object, Call> byHandle = new HashMap<>();
    private long counter;
    private long texts;

    Book(Machine machine, Timers timers, Kept kept, String prefix) {
        this.machine = machine;
        this.timers = timers;
        this.kept = kept;
        this.prefix = prefix;
    }

    void countFrom(long highest) {
        counter = Math.max(counter, highest);
    }

    /** Takes a call of the user's: it goes out when it can. */
    void make(Call call, Double timeout) {
        if (call.handle != null) {
            byHandle.put(call.handle, call);
        }
        if (machine.isOver()) {
            end(call, null, machine.overError(false));
        } else if (tooLarge(call.text(peekId()))) {
            end(call, null, large());
        } else {
            if (timeout != null) {
                call.patience = timers.in(Timers.micros(timeout), () -> expire(call));
            }
            queue.add(call);
            flush();
        }
    }

    /** Sends what waits, if the connection is open for it. */
    void flush() {
        while (machine.isOpen() && !queue.isEmpty() && sent.size() < WINDOW) {
            Call call = queue.iterator().next();
            queue.remove(call);
            send(call);
        }
    }

    /** Sends a call now, under a new id. */
    void send(Call call) {
        String text = call.text(peekId());
        if (tooLarge(text)) {
            end(call, null, large());
            return;
        }
        call.id = peekId();
        if (call.id instanceof RequestId.Number) {
            counter++;
        } else {
            texts++;
        }
        call.firstSent = timers.now();
        sent.put(call.id, call);
        machine.out(new Effect.Send(text));
    }

    /** An answer has come: its call ends. False if its outcome can't be kept (H4). */
    boolean answered(Message answer) {
        Call call = answer.id == null ? null : sent.get(answer.id);
        if (call == null) {
            return answer.id == null || answer.seq() == 0 || kept.stray(Row.of(answer));
        }
        if (call.tool()) {
            return outcome(Row.of(answer));
        }
        sent.remove(answer.id);
        if (call.told && call.late != null) {
            call.late.end(answer.result, answer.error);
        } else if (answer.error != null && Decisions.isOwn(call, answer.error, machine.principal())) {
            end(call, answer.error.data(), null);
        } else {
            end(call, answer.result, answer.error);
        }
        flush();
        return true;
    }

    /** Whether a call of this id is in the book. */
    boolean has(RequestId id) {
        return sent.containsKey(id);
    }

    /** The outcome of a call that is in the book. False if it can't be kept. */
    boolean outcome(Row row) {
        Call call = sent.get(row.id());
        if (!call.told) {
            end(call, new Result(row.data(), row.word(), row.edited()), row.error());
        } else if ((call.expired || row.error() == null
                || row.error().code() != AgentGateException.CANCELLED) && !kept.keep(row)) {
            return false;
        }
        sent.remove(row.id());
        flush();
        return true;
    }

    /** The caller goes away (W13). */
    void cancel(Object handle) {
        Call call = byHandle.remove(handle);
        if (call != null) {
            call.told = true;
            Timers.cancel(call.patience);
            giveUp(call);
        }
    }

    private void expire(Call call) {
        if (queue.contains(call) || !call.tool()) {
            giveUp(call);
            end(call, null, cancelled(call.id != null));
            return;
        }
        call.patience = timers.in(Timers.micros(WITHDRAWAL_S), () -> {
            call.expired = true;
            end(call, null, cancelled(true));
        });
        giveUp(call);
    }

    private void giveUp(Call call) {
        if (call.givenUp()) {
            return;
        }
        if (queue.remove(call)) {
            call.gaveUp();
            return;
        }
        if (!call.tool()) {
            if (call.late == null) {
                sent.remove(call.id);
            }
        } else if (machine.isOpen()) {
            withdraw(call);
        }
        call.gaveUp();
    }

    private void withdraw(Call call) {
        send(new Call(null, "cancel_request", Json.of("request_id", call.id), true, (data, error) -> {
            Map<String, Object> result = Json.object(data);
            Object status = result == null ? null : result.get("status");
            if (error != null) {
                call.expired = true;
                end(call, null, cancelled(true));
            } else if ("cancelled".equals(status)) {
                end(call, null, cancelled(false));
            } else if ("unknown_request".equals(status)) {
                sent.remove(call.id);
                end(call, null, cancelled(false));
            }
        }));
    }

    /** The connection is gone, and with it what was of it alone. */
    void lost() {
        sent.values().removeIf(call -> !call.tool() && !call.isRemade());
    }

    /** Another epoch: what was sent may have run (R1). */
    void forgotten() {
        for (Call call : new ArrayList<>(sent.values())) {
            if (call.tool()) {
                unknown(call, "Outcome unknown: the gateway has lost its memory");
            }
        }
    }

    /** Judges what was sent when all replies are there. Returns what is to be sent again. */
    List<Call> judge(Set<RequestId> known, boolean toldPending, Double retention) {
        List<Call> again = new ArrayList<>();
        for (Call call : new ArrayList<>(sent.values())) {
            if (!call.tool()) {
                continue;
            }
            if (!toldPending) {
                if (call.givenUp()) {
                    unknown(call, "Outcome unknown: the gateway does not say what became of it");
                }
            } else if (!known.contains(call.id)) {
                if (retention != null && timers.now() - call.firstSent >= Timers.micros(retention)) {
                    unknown(call, "Outcome unknown: the gateway does not keep it any more");
                } else if (call.givenUp()) {
                    sent.remove(call.id);
                    end(call, null, cancelled(false));
                } else {
                    again.add(call);
                }
            }
        }
        return again;
    }

    /** Sends again what is to be, each under its old id, then what runs no tool under new ones. */
    void sendAgain(List<Call> again) {
        for (Call call : new ArrayList<>(sent.values())) {
            if (call.tool() && call.givenUp() && !again.contains(call)) {
                withdraw(call);
            }
        }
        for (Call call : again) {
            if (sent.get(call.id) == call) {
                if (call.givenUp()) {
                    sent.remove(call.id);
                    end(call, null, cancelled(false));
                } else {
                    machine.out(new Effect.Send(call.text(call.id)));
                }
            }
        }
        for (Call call : new ArrayList<>(sent.values())) {
            if (call.isRemade()) {
                sent.remove(call.id);
                call.again = true;
                send(call);
            }
        }
    }

    /** It is over: every call ends (X5, X6). */
    void finish() {
        List<Call> all = new ArrayList<>(sent.values());
        sent.clear();
        List<Call> waiting = new ArrayList<>(queue);
        queue.clear();
        for (Call call : all) {
            if (!call.fleeting) {
                end(call, null, machine.overError(true));
            }
        }
        for (Call call : waiting) {
            end(call, null, machine.overError(call.id != null));
        }
    }

    private void unknown(Call call, String why) {
        outcomeOfOurs(call, Row.unknown(call.id, why));
    }

    private void outcomeOfOurs(Call call, Row row) {
        if (call.told) {
            kept.keep(row);
        }
        sent.remove(call.id);
        end(call, null, row.error());
    }

    private void end(Call call, Object data, AgentGateException error) {
        if (call.told) {
            return;
        }
        call.told = true;
        Timers.cancel(call.patience);
        if (call.handle != null) {
            byHandle.remove(call.handle, call);
        }
        call.ending.end(data, error);
    }

    private RequestId peekId() {
        // Integers are exact up to here; then texts follow that nobody else has used (C3).
        return counter < LAST_EXACT ? new RequestId.Number(counter + 1) : new RequestId.Text(prefix + texts);
    }

    private static AgentGateException cancelled(boolean sent) {
        String message = "Cancelled: the caller's patience ended";
        return sent ? AgentGateException.sent(AgentGateException.CANCELLED, message)
                : AgentGateException.of(AgentGateException.CANCELLED, message);
    }

    private static AgentGateException large() {
        return AgentGateException.of(AgentGateException.LIMIT_EXCEEDED,
                "the request is larger than " + LARGEST + " bytes");
    }

    static boolean tooLarge(String text) {
        return text.length() > LARGEST / 3 && text.getBytes(StandardCharsets.UTF_8).length > LARGEST;
    }
}
