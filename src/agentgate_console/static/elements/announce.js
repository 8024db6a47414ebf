/** Words for those who do not see the page: said by screen readers, without moving the focus. */


/** A reader speaks what changes; the same text twice in a row is no change. */
const PAUSE_MS = 60;

/** @type {Map<string, HTMLElement>} */
const regions = new Map();
/** @type {Map<string, string[]>} */
const queued = new Map();

/**
 * Say something.
 * @param {string} text
 * @param {"polite" | "assertive"} [how] "assertive" interrupts: for what can't wait
 */
export function announce(text, how = "polite") {
  const waiting = queued.get(how) ?? [];
  queued.set(how, waiting);
  waiting.push(text);
  if (waiting.length > 1) return;
  const region = regionFor(how);
  region.textContent = "";
  setTimeout(() => {
    region.textContent = waiting.length > 3 ? `${waiting.length} changes. ${waiting.at(-1)}` : waiting.join(". ");
    queued.set(how, []);
  }, PAUSE_MS);
}

/** @param {"polite" | "assertive"} how */
function regionFor(how) {
  let region = regions.get(how);
  if (!region) {
    region = document.createElement("div");
    region.className = "heard-only";
    region.setAttribute("role", how === "polite" ? "status" : "alert");
    region.setAttribute("aria-live", how);
    document.body.append(region);
    regions.set(how, region);
  }
  return region;
}

/** Have the regions in the page before anything is said: readers overlook what is added with its text. */
export function prepareAnnouncing() {
  regionFor("polite");
  regionFor("assertive");
}
