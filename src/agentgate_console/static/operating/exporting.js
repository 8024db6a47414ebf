/** Taking the audit away: all that fits the search, as JSON Lines in a file of this browser. */

import { html, nothing } from "../vendor/lit.js";
import { count, bytes } from "./words.js";
import { wordsOf } from "./loading.js";

/** Of a file that a page holds in its memory; beyond it `agent-gate audit export` is the way. */
const BYTES_MAX = 64_000_000;

const PAGE_ROWS = 500;

export class Exporting {
  #page;
  #isWanted = false;
  entries = 0;
  /** @type {{text: string, tone: string} | null} */
  news = null;

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {() => object} filters of the search */
  button(filters) {
    return this.#isWanted
      ? html`<button class="button" type="button" @click=${() => this.#stop()}>Stop the export</button>`
      : html`<button class="button" type="button" @click=${() => this.#export(filters())}>Export</button>`;
  }

  render() {
    if (this.#isWanted) return html`<p class="note" role="status">${count(this.entries, "entry", "entries")} …</p>`;
    return this.news ? html`<p class="note ${this.news.tone}" role="status">${this.news.text}</p>` : nothing;
  }

  #stop() {
    this.#isWanted = false;
    this.#page.requestUpdate();
  }

  /** @param {object} filters */
  async #export(filters) {
    this.#isWanted = true;
    this.news = null;
    this.entries = 0;
    this.#page.requestUpdate();
    try {
      const { blob, isWhole } = await this.#gather(filters);
      if (this.#isWanted) {
        save(blob, `audit-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jsonl`);
        const words = `${count(this.entries, "entry", "entries")}, ${bytes(blob.size)}, newest first.`;
        this.news = isWhole
          ? { text: `Exported ${words}`, tone: "ok" }
          : { text: `Exported the newest ${words} For all of it: agent-gate audit export.`, tone: "warn" };
      }
    } catch (error) {
      this.news = { text: `Nothing is exported: ${wordsOf(/** @type {Error} */ (error))}`, tone: "bad" };
    }
    this.#stop();
  }

  /** @param {object} filters */
  async #gather(filters) {
    /** @type {string[]} */
    const parts = [];
    let size = 0;
    /** @type {object} */
    let where = {};
    while (this.#isWanted) {
      const params = { ...filters, ...where, limit: PAGE_ROWS };
      const { entries, more, before } = await this.#page.gateway.call("list_audit", params);
      const text = entries.map((/** @type {object} */ entry) => `${JSON.stringify(entry)}\n`).join("");
      parts.push(text);
      size += text.length;
      this.entries += entries.length;
      this.#page.requestUpdate();
      if (!more || size > BYTES_MAX) return { blob: blobOf(parts), isWhole: !more };
      where = { before };
    }
    return { blob: blobOf([]), isWhole: false };
  }
}

/** @param {string[]} parts */
const blobOf = (parts) => new Blob(parts, { type: "application/jsonl" });

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser reads it after the click
}
