/** What a page asks of the gateway: the newest answer counts, and how it stands is shown in words. */

import { shown } from "../elements/shown.js";
import { html, nothing } from "../vendor/lit.js";

/** JSON-RPC codes that a page has its own words for (docs/protocol.md, "Error codes"). */
const FORBIDDEN = -32010;
const METHOD_NOT_FOUND = -32601;

/**
 * One question of a page, asked again and again; a controller of the page's element.
 * @template T
 */
export class Loading {
  /** @type {T | null} the newest answer */
  value = null;
  /** @type {(Error & {code?: number}) | null} why there is no newer one */
  error = null;
  busy = false;
  #host;
  #asked = 0;

  /** @param {{requestUpdate(): void}} host whose page is drawn again when this changes */
  constructor(host) {
    this.#host = host;
  }

  /**
   * Ask. A later question makes the answer to an earlier one void; a failure keeps what was known.
   * @param {() => Promise<T>} ask
   * @returns {Promise<boolean>} whether its answer is there now
   */
  async run(ask) {
    const mine = ++this.#asked;
    this.busy = true;
    this.#host.requestUpdate();
    try {
      const value = await ask();
      if (mine !== this.#asked) return false;
      this.value = value;
      this.error = null;
      return true;
    } catch (error) {
      if (mine === this.#asked) this.error = /** @type {Error} */ (error);
      return false;
    } finally {
      if (mine === this.#asked) {
        this.busy = false;
        this.#host.requestUpdate();
      }
    }
  }

  /** Forget the answer, and one that is still under way. */
  clear() {
    this.#asked += 1;
    this.value = this.error = null;
    this.busy = false;
    this.#host.requestUpdate();
  }
}

/**
 * Draw an answer, or say why there is none.
 * @template T
 * @param {Loading<T>} loading
 * @param {(value: T) => unknown} draw
 * @param {string} what that is asked for, as in "the grants"
 * @param {() => void} [again] asks once more
 */
export function drawn(loading, draw, what, again) {
  const { value, error } = loading;
  if (value !== null) return [error ? failed(error, what, again) : nothing, draw(value)];
  if (error) return failed(error, what, again);
  return html`<p class="muted loading" role="status">Asking the gateway for ${what} …</p>`;
}

/**
 * Say that something failed, and what to do next.
 * @param {Error & {code?: number}} error
 * @param {string} what
 * @param {() => void} [again]
 */
export function failed(error, what, again) {
  return html`<div class="note bad" role="alert">
    <p><strong>${what[0].toUpperCase()}${what.slice(1)} can’t be had.</strong> ${shown(wordsOf(error))}</p>
    ${again && error.code !== FORBIDDEN
      ? html`<button class="button" type="button" @click=${again}>Try again</button>`
      : nothing}
  </div>`;
}

/** @param {Error & {code?: number}} error */
export function wordsOf(error) {
  if (error.code === FORBIDDEN) return `Your role may not see this: ${error.message}. An operator may.`;
  if (error.code === METHOD_NOT_FOUND) {
    return "This gateway is older than this page. Update the gateway, or reload the page to get its own.";
  }
  return error.message;
}
