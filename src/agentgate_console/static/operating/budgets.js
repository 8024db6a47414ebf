/** Budgets as bars: limit, spent and left, in words and figures beside what is drawn. */

import { html } from "../vendor/lit.js";
import { shown } from "../elements/shown.js";
import { dayName, dollars } from "./words.js";

/**
 * @typedef {{name: string, principal: string, model: string, per: string, limit_micros: number,
 *   spent_micros: number, over: string, of?: string, left_micros?: number, since?: string, until?: string}} Budget
 */

/** From here on a budget is said to be nearly used up, as a part of it. */
const NEARLY = 0.8;

/** @param {Budget[]} rows */
export function budgets(rows) {
  return html`<ul>
    ${rows.map((budget) => html`<li class="item">${bar(budget)}</li>`)}
  </ul>`;
}

/** @param {Budget} budget */
function bar(budget) {
  const { name, principal, model, per, limit_micros: limit, spent_micros: spent, over, of, until } = budget;
  const left = Math.max(0, budget.left_micros ?? limit - spent);
  const part = limit ? spent / limit : 1;
  const [state, tone] = part >= 1 ? ["used up", "bad"] : part >= NEARLY ? ["nearly used up", "warn"] : ["", ""];
  const whose = of || (principal === "*" ? "each principal" : principal);
  const what = model === "*" ? "all models" : model;
  return html`
    <div class="row tight">
      <strong>${shown(name)}</strong>
      ${state ? html`<span class="tag ${tone}">${state}</span>` : ""}
      <span class="grow"></span>
      <span>${dollars(spent)} of ${dollars(limit)} a ${per}</span>
    </div>
    <meter
      class=${tone}
      min="0"
      max=${Math.max(limit, 1)}
      value=${Math.min(spent, limit)}
      aria-label="${name}: ${dollars(spent)} of ${dollars(limit)} spent"
    ></meter>
    <p class="muted">
      ${dollars(left)} left${until ? ` until ${dayName(until)}` : ""}; for ${shown(whose)}, ${shown(what)}. Beyond it
      ${over === "ask" ? "a person is asked" : "requests are denied"}.
    </p>
  `;
}
