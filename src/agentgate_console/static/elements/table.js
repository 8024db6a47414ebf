/**
 * A table whose rows are only made where they are seen, from 500 on:
 * `<data-table .columns=${[{title, cell, number}]} .rows=${rows} .key=${(row) => row.id} label="Calls"></data-table>`.
 * `.open` makes rows answer to a click and to Enter.
 */

import { html, LitElement, nothing, repeat } from "../vendor/lit.js";

const VIRTUAL_FROM = 500;
const ROW_PX = 44;
const AROUND = 12;

/** @typedef {{title: string, cell: (row: any) => unknown, number?: boolean}} Column */

export class DataTable extends LitElement {
  static properties = {
    columns: { attribute: false },
    rows: { attribute: false },
    key: { attribute: false },
    open: { attribute: false },
    first: { state: true },
  };

  constructor() {
    super();
    /** @type {Column[]} */
    this.columns = [];
    /** @type {any[]} */
    this.rows = [];
    /** @type {(row: any, at: number) => unknown} */
    this.key = (row, at) => row.id ?? at;
    /** @type {((row: any) => void) | null} */
    this.open = null;
    this.first = 0;
    this.shownCount = 40;
  }

  createRenderRoot() {
    return this;
  }

  get isVirtual() {
    return this.rows.length >= VIRTUAL_FROM;
  }

  /** @param {Event} event */
  #scrolled = (event) => {
    if (!this.isVirtual) return;
    const place = /** @type {HTMLElement} */ (event.currentTarget);
    this.shownCount = Math.ceil(place.clientHeight / ROW_PX) + 2 * AROUND;
    this.first = Math.max(0, Math.floor(place.scrollTop / ROW_PX) - AROUND);
  };

  render() {
    const { rows, columns, isVirtual } = this;
    const first = isVirtual ? Math.min(this.first, Math.max(0, rows.length - this.shownCount)) : 0;
    const seen = isVirtual ? rows.slice(first, first + this.shownCount) : rows;
    const below = isVirtual ? rows.length - first - seen.length : 0;
    return html`<div class="scroll ${isVirtual ? "virtual" : ""}" tabindex="0" role="region" aria-label=${this.getAttribute("label") ?? "Table"} @scroll=${this.#scrolled}>
      <table class="table" aria-rowcount=${rows.length + 1}>
        <thead>
          <tr>
            ${columns.map(({ title, number }) => html`<th scope="col" class=${number ? "number" : ""}>${title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${this.#gap(first)}
          ${repeat(seen, (row, at) => this.key(row, first + at), (row, at) => this.#row(row, first + at))}
          ${this.#gap(below)}
        </tbody>
      </table>
    </div>`;
  }

  /** @param {any} row @param {number} at */
  #row(row, at) {
    const { open } = this;
    const go = open ? () => open(row) : nothing;
    const onKey = open ? (/** @type {KeyboardEvent} */ event) => event.key === "Enter" && open(row) : nothing;
    return html`<tr aria-rowindex=${at + 2} class=${open ? "opens" : ""} tabindex=${open ? 0 : nothing} @click=${go} @keydown=${onKey}>
      ${this.columns.map(({ cell, number }) => html`<td class=${number ? "number" : ""}>${cell(row)}</td>`)}
    </tr>`;
  }

  /** The room of rows that are not made. @param {number} count */
  #gap(count) {
    if (!count) return nothing;
    return html`<tr class="gap" aria-hidden="true"><td colspan=${this.columns.length} height=${count * ROW_PX}></td></tr>`;
  }
}

customElements.define("data-table", DataTable);
