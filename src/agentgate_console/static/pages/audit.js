/** Audit: what was asked, decided and done; searched, verified and taken away as a file. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { empty, head } from "../page.js";
import "../elements/json.js";
import { KINDS, sentenceOf, whoOf } from "../operating/audit-words.js";
import { Exporting } from "../operating/exporting.js";
import { Loading, drawn } from "../operating/loading.js";
import { OperatingPage } from "../operating/parted.js";
import { styled } from "../elements/styled.js";
import { count, moment } from "../operating/words.js";
import { shown } from "../elements/shown.js";
import { Verifying } from "../operating/verifying.js";

await styled(new URL("../operating/operating.css", import.meta.url).href);

/**
 * @typedef {import("../operating/audit-words.js").Entry} Entry
 * @typedef {{entries: Entry[], more?: boolean, before?: number}} AuditPageOf
 * @typedef {{text?: string, agent?: string, tool?: string, kind?: string, id?: string, since?: string, until?: string}} Filters
 */

const PAGE_ROWS = 100;

/** Looks for one page, of some thousand entries each; then whoever searches says whether to go on. */
const LOOKS_MAX = 20;

export default class AuditPage extends OperatingPage {
  static title = "Audit";

  constructor() {
    super();
    /** @type {Filters} */
    this.filters = {};
    /** @type {Loading<AuditPageOf>} */
    this.found = new Loading(this);
    /** Numbers of the entries whose details are open. @type {Set<number>} */
    this.opened = new Set();
    /** Whether there is room for all that may be asked for; else it is unfolded. */
    this.isWide = matchMedia("(min-width: 56rem)").matches;
    this.verifying = new Verifying(this);
    this.exporting = new Exporting(this);
  }

  keys() {
    return [
      { key: "/", label: "search", run: () => /** @type {HTMLElement | null} */ (this.querySelector("[name=text]"))?.focus() },
      { key: "o", label: "older entries", run: () => this.#older() },
    ];
  }

  async refresh() {
    this.found.run(() => this.#page({}));
  }

  /**
   * A page of what fits. The gateway looks at so many entries at a time: what is rare takes several looks.
   * @param {{before?: number}} where
   * @returns {Promise<AuditPageOf>}
   */
  async #page(where) {
    /** @type {AuditPageOf} */
    let found = { entries: [], more: true, ...where };
    for (let look = 0; look < LOOKS_MAX && found.more && !found.entries.length; look += 1) {
      const { before = 0 } = found;
      found = await this.gateway.call("list_audit", { ...this.filters, before, limit: PAGE_ROWS });
    }
    return found;
  }

  #older() {
    const known = this.found.value;
    if (!known?.more || this.found.busy) return;
    this.found.run(async () => {
      const next = await this.#page({ before: known.before });
      return { ...next, entries: [...known.entries, ...next.entries] };
    });
  }

  /** @param {SubmitEvent} event */
  #search(event) {
    event.preventDefault();
    const filled = [...new FormData(/** @type {HTMLFormElement} */ (event.currentTarget))];
    this.#only(Object.fromEntries(filled.map(([name, value]) => [name, String(value).trim()]).filter(([, value]) => value)));
  }

  /** @param {Filters} filters */
  #only(filters) {
    this.filters = filters;
    this.opened.clear();
    this.found.clear();
    this.refresh();
  }

  render() {
    return html`
      ${head("Audit", nothing, html`${this.verifying.button()} ${this.exporting.button(() => this.filters)}`)}
      ${this.verifying.render()} ${this.exporting.render()}
      <form class="card fields" role="search" @submit=${(/** @type {SubmitEvent} */ event) => this.#search(event)}>
        <label class="field long"><span class="field-label">Words</span><input type="search" name="text" maxlength="200" autocomplete="off" /></label>
        <button class="button primary" type="submit">Search</button>
        <details class="narrowing" ?open=${this.isWide}>
          <summary>Narrow it down</summary>
          <div class="fields">
            <label class="field"><span class="field-label">Agent</span><input name="agent" maxlength="200" autocomplete="off" autocapitalize="none" /></label>
            <label class="field"><span class="field-label">Tool</span><input name="tool" maxlength="200" autocomplete="off" autocapitalize="none" /></label>
            <label class="field"><span class="field-label">Kind</span><select name="kind">
                ${KINDS.map(([kind, words]) => html`<option value=${kind}>${words}</option>`)}
              </select>
            </label>
            <label class="field"><span class="field-label">From (UTC)</span><input type="date" name="since" /></label>
            <label class="field"><span class="field-label">Before (UTC)</span><input type="date" name="until" /></label>
          </div>
        </details>
      </form>
      ${this.filters.id
        ? html`<div class="note">
            <p class="grow">Only what became of request <span class="mono">${shown(this.filters.id)}</span>.</p>
            <button class="button" type="button" @click=${() => this.#only({})}>Show everything</button>
          </div>`
        : nothing}
      ${drawn(this.found, (found) => this.#list(found), "the audit", () => this.refresh())}
    `;
  }

  /** @param {AuditPageOf} found */
  #list({ entries, more }) {
    if (!entries.length && !more) {
      const isFiltered = Object.keys(this.filters).length > 0;
      return isFiltered
        ? empty("Nothing fits.", "Search for fewer words, or for another kind. What is older than audit.keep_days is gone.")
        : empty("Nothing has happened yet.", "What agents ask for, what people decide and what tools do stands here at once.");
    }
    return html`
      ${entries.length
        ? nothing
        : html`<p class="muted" role="status">Nothing fits among the newest; there are older ones.</p>`}
      <ol class="entries card" ?hidden=${!entries.length} aria-label="Entries, newest first">
        ${repeat(entries, (entry) => entry.seq, (entry) => this.#row(entry))}
      </ol>
      ${more
        ? html`<button class="button" type="button" ?disabled=${this.found.busy} @click=${() => this.#older()}>
            ${this.found.busy ? "Looking …" : "Older entries"}
          </button>`
        : html`<p class="muted">That is all: ${count(entries.length, "entry", "entries")}.</p>`}
    `;
  }

  /** @param {Entry} entry */
  #row(entry) {
    const { tone, words } = sentenceOf(entry);
    const { seq, at, tool, signature, rid } = entry;
    return html`<li class="item">
      <details @toggle=${(/** @type {ToggleEvent} */ event) => this.#turned(seq, event.newState === "open")}>
        <summary>
          <span class="entry">
            <time class="muted" datetime=${at}>${moment(at)}</time>
            <span>${shown(whoOf(entry))}</span>
            ${signature || tool ? html`<span class="mono what">${shown(signature || tool)}</span>` : nothing}
            <span class="sentence ${tone ? `${tone}-text` : ""}">${shown(words)}</span>
          </span>
        </summary>
        ${this.opened.has(seq)
          ? html`<div class="stack opened">
              <json-view .value=${entry} label="The entry"></json-view>
              ${rid && rid !== this.filters.id
                ? html`<div>
                    <button class="button" type="button" @click=${() => this.#only({ id: rid })}>
                      All that became of this request
                    </button>
                  </div>`
                : nothing}
            </div>`
          : nothing}
      </details>
    </li>`;
  }

  /**
   * @param {number} seq
   * @param {boolean} isOpen
   */
  #turned(seq, isOpen) {
    if (isOpen) this.opened.add(seq);
    else this.opened.delete(seq);
    this.requestUpdate();
  }
}
