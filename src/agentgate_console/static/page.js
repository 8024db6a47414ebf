/** What all pages share. */

import { html, LitElement, nothing } from "./vendor/lit.js";

/**
 * @typedef {{key: string, label: string, run: (event: KeyboardEvent) => void}} Key a key of the keyboard, and what it
 *   does, for the list of keys
 */

/** A page: an element in the light DOM, whose styles are the sheet's. */
export class Page extends LitElement {
  static properties = { gateway: { attribute: false }, rest: { attribute: false } };

  /** In the head of the browser's window. */
  static title = "";

  constructor() {
    super();
    /** @type {import("./gateway.js").Gateway} */
    this.gateway = /** @type {any} */ (null);
    /** What stands after the page's name in the address. @type {string[]} */
    this.rest = [];
  }

  createRenderRoot() {
    return this;
  }

  /** Called when the page is opened, and whenever the connection is there again. */
  async refresh() {}

  /** @returns {Key[]} */
  keys() {
    return [];
  }

  /** Whether who is logged in is an operator. */
  get isOperator() {
    return this.gateway.who?.role === "operator";
  }
}

/**
 * The head of a page.
 * @param {string} title
 * @param {unknown} [more] under the title
 * @param {unknown} [actions] at its right
 */
export const head = (title, more = nothing, actions = nothing) => html`
  <header class="page-head">
    <div class="stack tight">
      <h1 tabindex="-1">${title}</h1>
      ${more === nothing ? nothing : html`<p class="muted">${more}</p>`}
    </div>
    ${actions === nothing ? nothing : html`<div class="row">${actions}</div>`}
  </header>
`;

/**
 * What stands where there is nothing.
 * @param {string} title
 * @param {unknown} [words]
 */
export const empty = (title, words = nothing) => html`
  <div class="empty">
    <p class="empty-title">${title}</p>
    <p class="muted">${words}</p>
  </div>
`;

/**
 * Where to go to by the address.
 * @param {string} page
 * @param {...string} rest
 */
export const address = (page, ...rest) => `#/${[page, ...rest].map(encodeURIComponent).join("/")}`;

/**
 * Go there.
 * @param {string} page
 * @param {...string} rest
 */
export function go(page, ...rest) {
  location.hash = address(page, ...rest);
}
