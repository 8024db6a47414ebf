/** Values: safe, collapsible, whole on demand. `<json-view .value=${value} .defaults=${["/door"]}></json-view>` */

import { html, LitElement, nothing } from "../vendor/lit.js";
import { shown } from "./shown.js";

/** What is shown before somebody asks for more. */
const LETTERS_MAX = 1_500;
const MEMBERS_MAX = 100;
const DEPTH_MAX = 24;
/** An inner value with more members than this can be folded, and is at first. */
const OPEN_MEMBERS_MAX = 12;

export class JsonView extends LitElement {
  static properties = { value: { attribute: false }, defaults: { attribute: false }, changed: { attribute: false }, whole: { state: true } };

  constructor() {
    super();
    /** @type {unknown} */
    this.value = null;
    /** JSON Pointers to what the gateway has filled in. @type {string[]} */
    this.defaults = [];
    /** Names of members that differ from what was asked. @type {string[]} */
    this.changed = [];
    /** Places that are shown whole. @type {Set<string>} */
    this.whole = new Set();
  }

  createRenderRoot() {
    return this;
  }

  render() {
    return html`<div class="json" dir="ltr" tabindex="0" role="group" aria-label=${this.getAttribute("label") ?? "The values"}>
      ${this.#value(this.value, "", 0)}
    </div>`;
  }

  /**
   * @param {unknown} value
   * @param {string} place JSON Pointer
   * @param {number} depth
   * @returns {unknown}
   */
  #value(value, place, depth) {
    if (typeof value === "string") return this.#text(value, place);
    if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      return html`${value} <span class="tag warn">rounded by this page</span>`;
    }
    if (value === null || typeof value !== "object") return String(value);
    if (depth >= DEPTH_MAX) return this.#text(JSON.stringify(value), place);
    return this.#members(value, place, depth);
  }

  /** @param {string} text @param {string} place */
  #text(text, place) {
    const isLong = text.length > LETTERS_MAX && !this.whole.has(place);
    const part = isLong ? text.slice(0, LETTERS_MAX) : text;
    const isLines = text.includes("\n");
    return html`<span class=${isLines ? "lines" : "text"}
      ><span class="muted">“</span>${shown(part, isLines ? "\n" : "")}${isLong ? "…" : nothing}<span class="muted">”</span></span
    >${isLong ? this.#more(place, `all ${text.length.toLocaleString()} letters`) : nothing}`;
  }

  /** @param {object} value @param {string} place @param {number} depth */
  #members(value, place, depth) {
    const isList = Array.isArray(value);
    const all = Object.entries(value);
    if (!all.length) return isList ? "[ ]" : depth ? "{ }" : html`<span class="muted">no arguments</span>`;
    const isCut = all.length > MEMBERS_MAX && !this.whole.has(place);
    const members = (isCut ? all.slice(0, MEMBERS_MAX) : all).map(([name, inner]) => {
      const inside = `${place}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      const isFilled = this.defaults.includes(inside);
      const isChanged = !depth && this.changed.includes(name);
      return html`<span class="member ${isFilled ? "filled" : ""}"
        >${isList ? html`<span class="muted">–</span> ` : html`<span class="key">${shown(name)}</span>: `}${this.#value(inner, inside, depth + 1)}${isFilled
          ? html` <span class="tag">default</span>`
          : nothing}${isChanged ? html` <span class="tag accent">changed</span>` : nothing}</span
      >`;
    });
    const rest = isCut ? this.#more(place, `all ${all.length.toLocaleString()}`) : nothing;
    if (!depth) return html`${members}${rest}`;
    if (all.length <= OPEN_MEMBERS_MAX) return html`<span class="inner">${members}${rest}</span>`;
    const what = `${all.length} ${isList ? (all.length === 1 ? "item" : "items") : all.length === 1 ? "member" : "members"}`;
    return html`<details>
      <summary class="muted">${what}</summary>
      <span class="inner">${members}${rest}</span>
    </details>`;
  }

  /** @param {string} place @param {string} what */
  #more(place, what) {
    const open = () => (this.whole = new Set([...this.whole, place]));
    return html` <button type="button" class="button quiet small" @click=${open}>Show ${what}</button>`;
  }
}

/**
 * Whether a value holds a number that the page can't show exactly.
 * @param {unknown} value
 * @returns {boolean}
 */
export function isRounded(value) {
  if (typeof value === "number") return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === "object" && value !== null && Object.values(value).some(isRounded);
}

customElements.define("json-view", JsonView);
