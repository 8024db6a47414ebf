package agentgate;

/** What a person is shown: the text since the model was asked last, without what was taken back (S31). */
final class Answer {
    private final StringBuilder text = new StringBuilder();

    void take(SessionEvent event) {
        switch (event.kind()) {
            case "model_started":
            case "reset":
                text.setLength(0);
                break;
            case "text":
                text.append(event.get("text") instanceof String ? event.get("text") : "");
                break;
            case "reply":
                if (event.get("text") instanceof String) {
                    text.setLength(0);
                    text.append(event.get("text"));
                }
                break;
            default:
        }
    }

    String text() {
        return text.toString();
    }
}
