/** The policy in force: its text with line numbers, its digest and warnings; reading it anew. */

import { html, nothing } from "../vendor/lit.js";
import { toast } from "../elements/toast.js";
import { copyButton } from "./copying.js";
import { Loading, drawn, failed } from "./loading.js";
import { shown } from "../elements/shown.js";
import { count } from "./words.js";

/**
 * @typedef {{name: string, text: string, digest: string, rules: number, warnings?: string[], cut?: boolean}} Policy
 * @typedef {{status: string, policy: string, rules: number, digest: string, principals: number,
 *   warnings?: string[], restart?: string[], errors?: string[]}} Reloaded
 */

export class PolicyInForce {
  #page;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<Policy>} */
    this.policy = new Loading(page);
    /** @type {Loading<Reloaded>} */
    this.reloaded = new Loading(page);
  }

  refresh() {
    this.policy.run(() => this.#page.gateway.call("read_policy", {}));
  }

  async #reload() {
    const isAnswered = await this.reloaded.run(() => this.#page.gateway.call("reload", {}));
    if (isAnswered && this.reloaded.value?.status === "reloaded") toast("Policy, principals and tokens are read anew.");
    this.refresh();
  }

  render() {
    const { reloaded } = this;
    return html`
      <section class="card" aria-labelledby="in-force">
        <div class="row between">
          <h2 id="in-force">In force</h2>
          <button class="button" type="button" ?disabled=${reloaded.busy} @click=${() => this.#reload()}>
            Read the files anew
          </button>
        </div>
        <div aria-live="polite">
          ${reloaded.error ? failed(reloaded.error, "the answer to that") : nothing}
          ${reloaded.value ? outcome(reloaded.value) : nothing}
        </div>
        ${drawn(this.policy, (policy) => this.#text(policy), "the policy", () => this.refresh())}
      </section>
    `;
  }

  /** @param {Policy} policy */
  #text({ name, text, digest, rules, warnings = [], cut }) {
    return html`
      <dl class="facts">
        <dt>From</dt><dd><span class="mono">${shown(name)}</span></dd>
        <dt>Rules</dt><dd>${count(rules, "rule")}</dd>
        ${digest
          ? html`<dt>SHA-256</dt><dd><span class="mono wrap">${digest}</span> ${copyButton(digest, "the digest")}</dd>`
          : nothing}
      </dl>
      ${list("What to know about it", warnings, "warn")}
      ${text
        ? [numbered(text), cut ? html`<p class="muted">It is longer: this is its beginning.</p>` : nothing]
        : html`<p class="muted">This policy is no file: it is the gateway's own, or one of a program.</p>`}
    `;
  }
}

/**
 * A text with the numbers of its lines, which are not copied with it.
 * @param {string} text
 */
export function numbered(text) {
  const lines = text.replace(/\n$/, "").split("\n");
  return html`<div class="scroll listing" tabindex="0" role="region" aria-label="The policy's text">
    <ol class="mono">
      ${lines.map((line) => html`<li><span>${line || "\u200b"}</span></li>`)}
    </ol>
  </div>`;
}

/** @param {Reloaded} reloaded */
function outcome({ status, policy, rules, principals, warnings = [], restart = [], errors = [] }) {
  const isRefused = status !== "reloaded";
  return html`<div class="note lines ${isRefused ? "bad" : "ok"}">
    <p>
      ${isRefused
        ? html`<strong>Refused:</strong> everything is as it was before. Mend the file and try again.`
        : html`<strong>Read anew:</strong> <span class="mono">${shown(policy)}</span> with ${count(rules, "rule")};
            ${count(principals, "principal")} may connect.`}
    </p>
    ${list("Errors", errors, "bad")} ${list("Needs a restart", restart, "warn")} ${list("Warnings", warnings, "warn")}
  </div>`;
}

/**
 * @param {string} title
 * @param {readonly string[]} lines
 * @param {string} tone
 */
export function list(title, lines, tone) {
  if (!lines.length) return nothing;
  return html`<div class="note lines ${tone}">
    <p><strong>${title}</strong></p>
    <ul>
      ${lines.map((line) => html`<li>${shown(line)}</li>`)}
    </ul>
  </div>`;
}
