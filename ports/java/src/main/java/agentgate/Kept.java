package agentgate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Outcomes for which no call waits, kept until the user collects them (H2 to H9). */
final class Kept {
    /** So many ids of former processes are remembered as told; ours need no memory. */
    private static final int REMEMBERED = 16_384;

    private final int max;
    private final String prefix;
    private final Map<RequestId, Row> rows = new LinkedHashMap<>();
    private final Set<RequestId> told = new LinkedHashSet<>();
    private long foreign = -1;
    private boolean wasFull;

    /**
     * Begins empty.
     *
     * @param max so many are kept
     * @param prefix what the ids of this process that are texts begin with
     */
    Kept(int max, String prefix) {
        this.max = max;
        this.prefix = prefix;
    }

    /** Ids up to the first highest one are a former process's (H8). */
    void begins(long highest) {
        if (foreign < 0) {
            foreign = highest;
        }
    }

    /** An outcome whose id is in no book. False if there is no room for it. */
    boolean stray(Row row) {
        return mine(row.id()) || keep(row);
    }

    /** False if there is no room. */
    boolean keep(Row row) {
        if (told.contains(row.id()) || rows.containsKey(row.id())) {
            return true;
        }
        if (rows.size() >= max) {
            wasFull = true;
            return false;
        }
        rows.put(row.id(), row);
        return true;
    }

    /** Keeps what may be acknowledged by now, whether there is room or not. */
    void put(Row row) {
        rows.putIfAbsent(row.id(), row);
    }

    /** Rows that were taken, and whose taker went away at that moment: they were not told. */
    void untold(List<?> taken) {
        for (Object each : taken) {
            Row row = (Row) each;
            told.remove(row.id());
            put(row);
        }
    }

    /** A row that the user collects just now: into their list, if it was not told. */
    void collected(Row row, Map<RequestId, Row> into) {
        if (!mine(row.id()) && !told.contains(row.id()) && !rows.containsKey(row.id())) {
            into.put(row.id(), row);
        }
    }

    /** All that is kept, and what was collected; it counts as told (H3). */
    List<Row> take(Map<RequestId, Row> collected) {
        Map<RequestId, Row> all = new LinkedHashMap<>(rows);
        all.putAll(collected);
        rows.clear();
        for (RequestId id : all.keySet()) {
            if (!mine(id)) {
                told.add(id);
            }
        }
        while (told.size() > REMEMBERED) {
            told.remove(told.iterator().next());
        }
        return new ArrayList<>(all.values());
    }

    /** Whether something found no room since this was asked last, and would now. */
    boolean roomAgain() {
        boolean again = wasFull && rows.size() < max;
        if (again) {
            wasFull = false;
        }
        return again;
    }

    private boolean mine(RequestId id) {
        return id instanceof RequestId.Number
                ? ((RequestId.Number) id).value() > foreign
                : ((RequestId.Text) id).value().startsWith(prefix) || Machine.AUTH.equals(id);
    }
}
