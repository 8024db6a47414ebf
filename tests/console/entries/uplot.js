/** uPlot as the console imports it; its few styles stand in `vendor/uplot.css`. */

export { default } from "uplot";
