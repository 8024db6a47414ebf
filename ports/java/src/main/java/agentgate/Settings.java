package agentgate;

import java.util.function.DoubleUnaryOperator;

/** What the machine must know from the start. */
final class Settings {
    String token;
    String clientId;
    /** What the ids begin with that are texts. */
    String idPrefix;
    boolean reconnect = true;
    boolean progress;
    /** Below 0: without end. */
    int maxRetries = -1;
    int keptMax = 10_000;
    /** Makes of a pause the one that is kept; hundreds of clients draw theirs at random (B3). */
    DoubleUnaryOperator jitter = pause -> pause;
}
