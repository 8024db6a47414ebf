package agentgate;

/**
 * A place in a session's log.
 *
 * @param epoch of the log
 * @param offset of the next event
 */
public record Cursor(String epoch, long offset) { }
