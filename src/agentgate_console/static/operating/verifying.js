/** The look at the audit's chain: part after part, with how far it is, and what was found. */

import { html, nothing } from "../vendor/lit.js";
import { copyButton } from "./copying.js";
import { Loading, failed } from "./loading.js";
import { shown } from "../elements/shown.js";
import { count, figure, moment } from "./words.js";

/**
 * @typedef {{ok: boolean, entries: number, newest: number, head?: string, last_at?: string, dropped?: number,
 *   problems?: string[], heads?: number, cursor?: string, more?: boolean}} Verdict
 */

export class Verifying {
  #page;
  #isStopped = false;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<Verdict>} */
    this.verdict = new Loading(page);
  }

  /** Look at all of it; a part at a time, so that nobody else waits for it. */
  async begin() {
    this.#isStopped = false;
    this.verdict.clear();
    let cursor = "";
    do {
      const isAnswered = await this.verdict.run(() => this.#page.gateway.call("verify_audit", { cursor }));
      if (!isAnswered || !this.verdict.value?.more) return;
      cursor = this.verdict.value.cursor ?? "";
    } while (!this.#isStopped && this.#page.isConnected);
  }

  button() {
    return this.#isRunning
      ? html`<button class="button" type="button" @click=${() => (this.#isStopped = true)}>Stop verifying</button>`
      : html`<button class="button" type="button" @click=${() => this.begin()}>Verify</button>`;
  }

  get #isRunning() {
    return this.verdict.busy || (Boolean(this.verdict.value?.more) && !this.#isStopped && !this.verdict.error);
  }

  render() {
    const { value, error } = this.verdict;
    if (!value && !error && !this.verdict.busy) return nothing;
    return html`<section class="card" aria-label="Verification">
      ${error ? failed(error, "the verdict", () => this.begin()) : nothing}
      ${value && !(this.#isRunning && value.ok) ? verdictOf(value) : nothing}
      ${this.#isRunning ? progress(value) : nothing}
    </section>`;
  }
}

/** @param {Verdict | null} verdict so far */
function progress(verdict) {
  const { newest = 0, head = "0", dropped = 0 } = verdict ?? {};
  const at = Number(head.split("-")[0]);
  const part = newest > dropped ? (at - dropped) / (newest - dropped) : 0;
  return html`<p role="status">Looking at the audit, entry by entry …</p>
    <progress max="1" value=${part} aria-label="So much of the audit was looked at"></progress>`;
}

/** @param {Verdict} verdict */
function verdictOf({ ok, entries, head = "", last_at = "", dropped = 0, problems = [], heads = 0, more }) {
  const words = ok ? (more ? "So far the audit is whole." : "The audit is whole.") : "The audit is broken.";
  return html`
    <div class="note lines ${ok ? "ok" : "bad"}" role=${ok ? "status" : "alert"}>
      <p>
        <strong>${words}</strong>
        ${ok
          ? `${count(entries, "entry", "entries")} follow each other without a gap or a change.`
          : "Keep the database as it is, and compare it with a backup."}
        ${heads ? `${count(heads, "head")} kept elsewhere ${heads === 1 ? "was" : "were"} compared.` : nothing}
        ${dropped ? `Entries up to number ${figure(dropped)} are gone by retention, which has signed for them.` : nothing}
      </p>
      ${problems.length
        ? html`<ul>
            ${problems.map((problem) => html`<li>${shown(problem)}</li>`)}
          </ul>`
        : nothing}
    </div>
    ${head && ok
      ? html`<div class="row between">
            <p>
              <span class="muted">Its head${last_at ? `, of ${moment(last_at)}` : ""}:</span><br />
              <span class="mono wrap" id="audit-head">${head}</span>
            </p>
            ${copyButton(head, "the head", "#audit-head")}
          </div>
          <p class="muted">
            Keep it elsewhere: with it, <code>agent-gate audit verify --head</code> finds out whether the end is missing.
          </p>`
      : nothing}
  `;
}
