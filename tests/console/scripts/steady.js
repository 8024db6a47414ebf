/** Makes the texts steady that are never twice the same: times, ids, sizes. */
() => {
  const months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
  const units = "s|ms|min|h|d|seconds?|minutes?|hours?|days?";
  const patterns = [
    [/\b[0-9a-f]{10,}\b/g, "0123456789ab"],
    [/\b\d{4}-\d\d-\d\d(T[\d:.]+Z?)?/g, "2026-11-30"],
    [new RegExp(`\\b\\d{1,2} (${months})[a-z]*( \\d{4})?`, "g"), "30 Nov"],
    [/\b\d{1,2}:\d\d(:\d\d)?\b/g, "12:00"],
    [new RegExp(`\\b\\d+(\\.\\d+)? (${units})\\b`, "g"), "12 min"],
    [/\b[\d,]+(\.\d+)? (B|[kKMG]i?B|bytes)\b/g, "12 kB"],
    [/(localhost|127\.0\.0\.1):\d+/g, "localhost:8765"],
    [/session [\w-]{4,}…?/g, "session R2ZHze6I"],
    [/\/tmp\/[^\s"]+/g, "/var/lib/agent-gate"],
  ];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    let text = node.data;
    for (const [pattern, steady] of patterns) text = text.replace(pattern, steady);
    if (node.parentElement?.closest("time")) text = text.trim() && "12 min";
    if (text !== node.data) node.data = text;
  }
}
