/**
 * Approvals as they stand, by id: what waits, and what was decided while the page is open.
 */

/** Of those that are over; a card tells how its own ended for a moment, and the log for ever. */
const DECIDED_MAX = 200;

export class Approvals {
  /** @type {Map<string, any>} */
  #decided = new Map();

  /**
   * @param {import("../gateway.js").Gateway} gateway
   * @param {() => void} changed
   */
  constructor(gateway, changed) {
    this.gateway = gateway;
    this.told = (/** @type {any} */ { detail }) => {
      if (detail.status !== "waiting") {
        this.#decided.delete(detail.id);
        this.#decided.set(detail.id, detail);
        if (this.#decided.size > DECIDED_MAX) this.#decided.delete(this.#decided.keys().next().value ?? "");
      }
      changed();
    };
    this.listed = changed;
    gateway.addEventListener("approval", this.told);
    gateway.addEventListener("listed", this.listed);
  }

  /**
   * @param {string} id
   * @returns {any} undefined: it is not known
   */
  get(id) {
    return this.gateway.waiting.get(id) ?? this.#decided.get(id);
  }

  close() {
    this.gateway.removeEventListener("approval", this.told);
    this.gateway.removeEventListener("listed", this.listed);
  }
}
