/** Notifications of the system while the page is open, where they were allowed. */

import { go } from "../page.js";

/**
 * Tell of an approval: who asks, and for which tool; what exactly is for the page.
 * @param {string} title
 * @param {string} body
 * @param {string} id the same again takes the place of the one before
 */
export function notify(title, body, id) {
  try {
    const shown = new Notification(title, { body, tag: id, icon: "icon.svg" });
    shown.addEventListener("click", () => {
      focus();
      go("inbox", id);
      shown.close();
    });
  } catch {
    // Phones take them from a service worker only: that is for the worker then
  }
}
