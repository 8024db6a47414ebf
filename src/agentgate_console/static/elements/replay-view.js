/** What a grant or a policy would have done to the calls on record, each listed. */

import { html, nothing } from "../vendor/lit.js";
import { shown } from "./shown.js";
import { when } from "./time.js";

const ROWS_SHOWN_MAX = 200;

/** @param {number} count @param {string} one @param {string} [many] */
const counted = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/**
 * The answer of `replay_calls` to a grant.
 * @param {Record<string, any>} replay
 */
export function replayOf(replay) {
  const { requests = 0, cut = 0, covered = 0, of_covered: of = {}, rows = [], more, next, since } = replay;
  const list = rows.slice(0, ROWS_SHOWN_MAX);
  return html`
    ${covered ? summaryOf(covered, of) : html`<p>It would have covered none of ${counted(requests, "recorded call")}.</p>`}
    ${cut
      ? html`<p class="muted small-text">
          Of ${counted(cut, "call")} nobody can say: they are kept in part, or the tool is another by now.
        </p>`
      : nothing}
    ${next ? html`<p class="muted small-text">What was asked before ${when(since)} was not looked at.</p>` : nothing}
    ${list.length
      ? html`<details ?open=${list.length <= 5 || of.denied > 0}>
          <summary>${more || rows.length > list.length ? `The newest ${list.length}` : counted(list.length, "call")}, each</summary>
          <ul class="replayed" aria-label="Calls that it would have covered">
            ${list.map((/** @type {any} */ row) => callOf(row))}
          </ul>
        </details>`
      : nothing}
  `;
}

/** @param {number} covered @param {Record<string, number>} of */
function summaryOf(covered, of) {
  const { allowed = 0, approved = 0, denied = 0, expired = 0, cancelled = 0, waiting = 0 } = of;
  const parts = [
    approved ? `${approved} that people approved` : "",
    allowed ? `${allowed} that ran without a person` : "",
    waiting ? `${waiting} that wait` : "",
    expired ? `${expired} that nobody answered` : "",
    cancelled ? `${cancelled} that were withdrawn` : "",
  ].filter(Boolean);
  return html`<p class="note ${denied ? "bad" : "ok"}">
    <span
      >It would have covered <b>${counted(covered, "call")}</b>${parts.length ? `: ${parts.join(", ")}` : nothing}${denied
        ? html`${parts.length ? ", and " : ": "}<b>${denied} that people denied</b>`
        : html`${parts.length ? "; " : ": "}none that people denied`}.</span
    >
  </p>`;
}

/** @param {any} row */
function callOf({ at, agent, signature, answer, by, was, now }) {
  const kind = answer === "denied" ? "bad" : answer === "approved" || answer === "allowed" ? "ok" : "";
  return html`<li>
    <span class="muted small-text">${when(at)}</span>
    <span class="grow"><bdi class="muted small-text">${agent}</bdi> <span class="mono">${shown(signature)}</span></span>
    <span class="tag ${kind}">${answer || was}${by ? html` by <bdi>${by}</bdi>` : nothing}</span>
    ${now && now !== was ? html`<span class="tag accent">would be: ${now}</span>` : nothing}
  </li>`;
}
