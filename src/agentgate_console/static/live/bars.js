/** Bars: how much of a model's window is used, and by what. */

import { html, nothing, ref } from "../vendor/lit.js";
import { dollars, percent, whole } from "./figures.js";

/** From this share on a window is nearly full. */
const NEARLY_FULL = 0.8;

/**
 * Give an element a custom property: by script, for the policy of the page lets no attribute do it.
 * @param {string} name
 * @param {string | number} value
 */
export const vary = (name, value) =>
  ref((element) => {
    if (element instanceof HTMLElement) element.style.setProperty(name, String(value));
  });

/**
 * How much of the window the last request took.
 * @param {any} usage of the last request; null: nothing was asked
 * @param {number} most tokens that the model reads at the most; 0: nobody knows
 * @param {{costMicros: number, unpriced: number}} sum of what is shown
 */
export function contextBar(usage, most, { costMicros, unpriced }) {
  const used = usage?.input ?? 0;
  const cached = usage?.cache_read ?? 0;
  const share = most ? Math.min(1, used / most) : 0;
  const words = most ? `${whole(used)} of ${whole(most)} tokens` : `${whole(used)} tokens`;
  const details = [
    most ? percent(used, most) : "",
    cached ? `${percent(cached, used)} from the cache` : "",
    costMicros ? `${dollars(costMicros)}${unpriced ? " and more" : ""}` : "",
    usage?.is_estimate ? "estimated" : "",
  ].filter(Boolean);
  return html`
    <div class="live-window">
      ${most
        ? html`<div
            class="live-meter ${share >= NEARLY_FULL ? "full" : ""}"
            role="meter"
            aria-label="Context used"
            aria-valuemin="0"
            aria-valuemax=${most}
            aria-valuenow=${Math.min(used, most)}
            aria-valuetext=${words}
          ><i ${vary("--share", share)}></i></div>`
        : nothing}
      <p class="muted small-text">${usage ? [words, ...details].join(" · ") : "No request has ended yet."}</p>
    </div>
  `;
}
