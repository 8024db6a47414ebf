package agentgate;

import java.util.List;
import java.util.Map;

/** Whether "already settled" tells a decision that was made again its own success (D10). */
final class Decisions {
    private static final int ALREADY_SETTLED = -32009;

    private Decisions() {
    }

    static boolean isOwn(Call call, AgentGateException error, String principal) {
        Map<String, Object> view = Json.object(error.data());
        if (!call.again || !"decide_approval".equals(call.method) || error.code() != ALREADY_SETTLED || view == null) {
            return false;
        }
        boolean yes = "approve".equals(call.params.get("decision"));
        if (principal.equals(view.get("decided_by"))) {
            return (yes ? "approved" : "denied").equals(view.get("status"));
        }
        List<Object> names = Json.array(view.get("approved_by"));
        return yes && names != null && names.contains(principal);
    }
}
