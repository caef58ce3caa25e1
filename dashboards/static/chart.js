// Charts: the rows `time, series, value` of a panel on one axis of time, drawn by ECharts.

import { format, instant, short, tick } from "./format.js";
import { element } from "./table.js";

const MINUTE = 60_000;
const TICKS = [1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 10080].map((minutes) => minutes * MINUTE);

/** Every step of the range, and for each series (by name) one value or null for each of them. */
export function pointsOf(answer, from, to) {
  const step = answer.step * 1000;
  const times = [];
  for (let time = Math.floor(from / step) * step; time < to; time += step) times.push(time);
  const place = new Map(times.map((time, at) => [time, at]));
  const lines = new Map();
  for (const [time, name, value] of answer.rows) {
    if (!lines.has(name)) lines.set(name, new Array(times.length).fill(null));
    const at = place.get(Date.parse(time));
    if (at !== undefined) lines.get(name)[at] = value;
  }
  // The rest that a query sums up comes last, whatever its first letter.
  const names = [...lines.keys()].sort((a, b) => (a === "other teams") - (b === "other teams") || a.localeCompare(b));
  return { times, names, values: names.map((name) => lines.get(name)), step };
}

/** One sentence for those who cannot see the chart: every series with its newest value. */
export function summary(panel, { names, values }) {
  const parts = names.map((name, at) => `${name} ${format(values[at].findLast((value) => value !== null), panel.unit)}`);
  return `${panel.title}, newest values: ${parts.join(", ")}`;
}

/** Draw the points of `panel` into `holder`, replacing what was drawn there before. */
export function draw(holder, panel, points) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const chart = echarts.getInstanceByDom(holder) ?? echarts.init(holder, null, { renderer: "canvas" });
  const compactView = holder.clientWidth < 360;
  chart.setOption(
    {
      animation: false,
      color: Array.from({ length: 10 }, (_, at) => colour(`series-${at + 1}`)),
      textStyle: { fontFamily: style.fontFamily, fontSize: 11, color: colour("muted") },
      grid: { left: 4, right: 8, top: 10, bottom: 28, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
      legend: {
        type: "scroll", bottom: 0, left: 0, itemWidth: 10, itemHeight: 10, itemGap: 14, icon: "roundRect",
        textStyle: { color: colour("text"), fontSize: 11 }, pageIconColor: colour("text"), pageIconInactiveColor: colour("border"),
        pageTextStyle: { color: colour("muted") }, pageIconSize: 10,
      },
      tooltip: { ...tooltip(panel, points), ...(compactView ? { position: [8, 8] } : {}) },
      xAxis: timeAxis(points, colour, compactView ? 5 : 7),
      yAxis: {
        type: "value", min: 0, splitNumber: 4,
        axisLabel: { color: colour("muted"), formatter: (value) => short(value, panel.unit) },
        splitLine: { lineStyle: { color: colour("grid") } },
      },
      series: points.names.map((name, at) => series(panel, name, points.values[at])),
    },
    { notMerge: true },
  );
  return chart;
}

function series(panel, name, values) {
  if (panel.kind === "bars") {
    return { name, type: "bar", stack: panel.stack ? "all" : undefined, barCategoryGap: "18%", data: values };
  }
  const alone = (at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;
  const data = values.map((value, at) => ({ value, symbol: alone(at) ? "circle" : "none", symbolSize: 5 }));
  return { name, type: "line", showAllSymbol: true, lineStyle: { width: 1.6 }, data };
}

function timeAxis({ times, step }, colour, most) {
  const length = times.length * step;
  const every = TICKS.find((distance) => distance >= step && length / distance <= most) ?? TICKS.at(-1);
  const local = (time) => time - new Date(time).getTimezoneOffset() * MINUTE;
  return {
    type: "category", data: times.map(String),
    axisLine: { lineStyle: { color: colour("border") } },
    axisTick: { show: false },
    axisLabel: {
      color: colour("muted"), hideOverlap: true,
      interval: (_, time) => local(Number(time)) % every === 0,
      formatter: (time) => tick(new Date(Number(time))),
    },
  };
}

function tooltip(panel, { times, step }) {
  return {
    trigger: "axis", confine: true, className: "tooltip", backgroundColor: "", borderWidth: 0, padding: 0, transitionDuration: 0,
    axisPointer: { type: panel.kind === "bars" ? "shadow" : "line" },
    formatter: (hits) => {
      const start = times[hits[0].dataIndex];
      const known = hits.filter((hit) => hit.value !== null && hit.value !== undefined).sort((a, b) => b.value - a.value);
      const lines = known.map((hit) => {
        const swatch = element("i", "swatch");
        swatch.style.background = hit.color;
        return element("li", "", swatch, element("span", "", hit.seriesName), element("b", "", format(hit.value, panel.unit)));
      });
      const span = `${instant(new Date(start))} – ${instant(new Date(start + step))}`;
      return element("div", "", element("p", "", span), element("ul", "", ...lines));
    },
  };
}
