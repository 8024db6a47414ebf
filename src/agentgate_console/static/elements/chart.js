/**
 * A plot over time, drawn by uPlot, which is loaded with the first one.
 *
 * It is a picture: whoever uses it says the same in words (`aria-label`) and in a table beside it.
 */

import { styled } from "./styled.js";

/** @typedef {{label: string, values: (number | null)[], token?: string}} Series `token`: of its colour */

const HEIGHT = 220;
const TOKENS = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];

export class ConsoleChart extends HTMLElement {
  /** @type {number[]} UTC seconds, ascending */
  #times = [];
  /** @type {Series[]} */
  #series = [];
  /** @type {(value: number) => string} */
  #format = String;
  /** @type {any} the plot */
  #plot = null;
  #isWanted = false;
  #drawing = 0;
  #resized = new ResizeObserver(() => this.#fit());
  #themed = new MutationObserver(() => this.#redraw());
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #forced = matchMedia("(forced-colors: active)");

  /** @param {number[]} times UTC seconds, ascending */
  set times(times) {
    if (String(times) === String(this.#times)) return;
    this.#times = times;
    this.#redraw();
  }

  /** @param {Series[]} series as many values each as there are times */
  set series(series) {
    if (JSON.stringify(series) === JSON.stringify(this.#series)) return;
    this.#series = series;
    this.#redraw();
  }

  /** @param {(value: number) => string} format says a value at the axis and in the legend */
  set format(format) {
    this.#format = format;
  }

  connectedCallback() {
    this.setAttribute("role", "img");
    this.#resized.observe(this);
    this.#themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.#dark.addEventListener("change", this.#redraw);
    this.#forced.addEventListener("change", this.#redraw);
    this.#redraw();
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    this.#themed.disconnect();
    this.#dark.removeEventListener("change", this.#redraw);
    this.#forced.removeEventListener("change", this.#redraw);
    this.#drop();
  }

  #redraw = () => {
    if (this.#isWanted) return; // several properties change in a row: they are drawn once
    this.#isWanted = true;
    queueMicrotask(() => {
      this.#isWanted = false;
      this.#draw();
    });
  };

  async #draw() {
    const mine = ++this.#drawing;
    if (!this.isConnected || !this.#times.length) return this.#drop();
    const [{ default: uPlot }] = await Promise.all([
      import("../vendor/uplot.js"),
      styled(new URL("../vendor/uplot.css", import.meta.url).href),
    ]);
    if (mine !== this.#drawing || !this.isConnected) return;
    this.#drop();
    const data = [this.#times, ...this.#series.map(({ values }) => values)];
    this.#plot = new uPlot(this.#options(uPlot), /** @type {any} */ (data), this);
  }

  /**
   * @param {any} uPlot
   * @returns {any}
   */
  #options(uPlot) {
    const [text, line] = [this.#colour("--muted"), this.#colour("--line")];
    const bars = this.getAttribute("kind") === "bars" ? uPlot.paths.bars({ size: [0.7, 40], radius: 0.2 }) : undefined;
    const font = `12px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const half = this.#times.length > 1 ? (this.#times[1] - this.#times[0]) / 2 : 43_200;
    const format = (/** @type {number | null} */ value) => (value === null ? "–" : this.#format(value));
    return {
      width: this.clientWidth,
      padding: [10, 8, 0, 0],
      height: HEIGHT,
      tzDate: (/** @type {number} */ at) => uPlot.tzDate(new Date(at * 1_000), "Etc/UTC"),
      legend: { show: this.#series.length > 1 },
      cursor: { show: false },
      scales: { x: { range: (/** @type {any} */ _, /** @type {number} */ from, /** @type {number} */ to) => (bars ? [from - half, to + half] : [from, to]) }, y: { range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        { ...axis, grid: { show: false }, size: 32, space: 70, values: [[86_400, "{D} {MMM}", null, null, null, null, null, null, 1], [3_600, "{HH}:{mm}", null, null, null, null, null, null, 1]] },
        { ...axis, size: 64, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map(format) },
      ],
      series: [
        { value: (/** @type {any} */ _, /** @type {number} */ at) => (at ? new Date(at * 1_000).toISOString().slice(0, 10) : "") },
        ...this.#series.map(({ label, token }, place) => {
          const colour = this.#colour(token ?? TOKENS[place % TOKENS.length]);
          return { label, stroke: colour, width: bars ? 0 : 2, fill: bars ? colour : undefined, paths: bars, points: { show: false } };
        }),
      ],
    };
  }

  /** What a token is at this moment: a canvas knows no custom properties. @param {string} token */
  #colour(token) {
    const probe = document.createElement("span");
    probe.style.color = `var(${token})`;
    this.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  #fit() {
    if (this.#plot && this.clientWidth) this.#plot.setSize({ width: this.clientWidth, height: HEIGHT });
  }

  #drop() {
    this.#plot?.destroy();
    this.#plot = null;
  }
}

customElements.define("console-chart", ConsoleChart);
