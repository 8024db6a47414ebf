/** What the operators' pages share; pages of several parts, of which the address says the one that is shown. */

import { html, nothing } from "../vendor/lit.js";
import { Page, address, go } from "../page.js";
import { everySecond } from "../elements/time.js";

/**
 * @typedef {{name: string, label: string, isForOperators?: boolean}} Part
 * @typedef {{render(): unknown, refresh(): void}} Shown
 */

/** A page of the operators: laid out by their sheet, and its times may go on while it is looked at. */
export class OperatingPage extends Page {
  /** Whether it shows how long ago something was, or how much time is left. */
  static isTimed = false;
  /** @type {(() => void) | null} */
  #end = null;

  connectedCallback() {
    super.connectedCallback();
    this.classList.add("operating");
    const { isTimed } = /** @type {typeof OperatingPage} */ (this.constructor);
    if (isTimed) this.#end = everySecond(() => this.requestUpdate());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#end?.();
    this.#end = null;
  }
}

export class PartedPage extends OperatingPage {
  /** The page's name in addresses. */
  static page = "";
  /** @type {Part[]} */
  static parts = [];
  /** @type {Record<string, Shown>} by name */
  shown = {};

  get #class() {
    return /** @type {typeof PartedPage} */ (this.constructor);
  }

  /** The parts that are for whoever looks. */
  get mine() {
    return this.#class.parts.filter(({ isForOperators }) => this.isOperator || !isForOperators);
  }

  get current() {
    return (this.mine.find(({ name }) => name === this.rest[0]) ?? this.mine[0]).name;
  }

  keys() {
    return turning(this.#class.page, this.mine, this.current);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.get("rest") !== undefined) this.refresh();
  }

  async refresh() {
    this.shown[this.current].refresh();
  }

  /** Ways to the other parts, and the one that is shown. */
  renderParts() {
    return [tabs(this.#class.page, this.mine, this.current), this.shown[this.current].render()];
  }
}

/**
 * @param {string} page
 * @param {Part[]} parts
 * @param {string} current
 */
export function tabs(page, parts, current) {
  if (parts.length < 2) return nothing;
  return html`<nav class="tabs" aria-label="Parts of this page">
    ${parts.map(
      ({ name, label }) =>
        html`<a href=${address(page, name)} aria-current=${name === current ? "page" : nothing}>${label}</a>`,
    )}
  </nav>`;
}

/**
 * The keys that turn to the part before and to the next.
 * @param {string} page
 * @param {{name: string}[]} parts
 * @param {string} current
 * @returns {import("../page.js").Key[]}
 */
export function turning(page, parts, current) {
  if (parts.length < 2) return [];
  const at = parts.findIndex(({ name }) => name === current);
  const turn = (/** @type {number} */ by) => go(page, parts[(at + by + parts.length) % parts.length].name);
  return [
    { key: "[", label: "The part before", run: () => turn(-1) },
    { key: "]", label: "The next part", run: () => turn(1) },
  ];
}
