/** Notifications of the system while the page is open, where they were allowed. */

import { go } from "../page.js";

/** However many ask at once, there is one notification in this time. */
const PAUSE_MS = 5_000;

let lastAt = -PAUSE_MS;

/**
 * Tell of an approval: who asks, and for which tool; what exactly is for the page.
 * @param {{id: string, agent: string, tool: string}} view
 * @param {number} count how many wait
 */
export async function notify({ id, agent, tool }, count) {
  if (performance.now() - lastAt < PAUSE_MS) return;
  lastAt = performance.now();
  const title = count > 1 ? `${count} wait for you` : `${agent} asks`;
  const body = count > 1 ? `The newest: ${agent} asks for ${tool}` : tool;
  const options = { body, tag: "agentgate", icon: "icon-192.png", data: { id } };
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) return worker.showNotification(title, options); // phones take them from there only
  try {
    const shown = new Notification(title, options);
    shown.addEventListener("click", () => {
      focus();
      go("inbox", id);
      shown.close();
    });
  } catch {
    // A phone whose browser may have no worker at this address
  }
}
