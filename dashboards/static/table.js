// Tables: of a table panel's rows, and of a chart's points.

import { format, instant, isNumeric } from "./format.js";

/** A new element with a class and texts or elements in it. */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** A value as it reads, and, when it is a number, as it is. */
export function figure(value, unit, text = format(value, unit)) {
  if (!isNumeric(unit)) return text;
  const made = element("data", "", text);
  made.value = value ?? "";
  return made;
}

const MARKS = { ok: "●", warning: "▲", critical: "■" };

/** A word with its colour and a mark of a shape of its own, so that nobody depends on the colour. */
export function badge(text, colour) {
  if (!colour) return element("span", "badge", text);
  return element("span", `badge ${colour}`, mark(colour), ` ${text}`);
}

/** The mark of a colour alone, which readers of the screen hear as its name. */
export function mark(colour, name = "") {
  const made = element("span", `badge mark ${colour}`, MARKS[colour]);
  if (name) {
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", name);
    made.title = name;
  } else made.setAttribute("aria-hidden", "true");
  return made;
}

function style(cell, unit) {
  if (isNumeric(unit)) return "number";
  return cell.length > 40 ? "long" : unit;
}

/** A table of `rows`, each a list of cells (text or element) in the order of `columns` ({title, unit}). */
function grid(title, columns, rows) {
  const head = columns.map((column) => {
    const cell = element("th", isNumeric(column.unit) ? "number" : "", column.title);
    cell.scope = "col";
    return cell;
  });
  const body = rows.map((cells) =>
    element("tr", "", ...cells.map((cell, at) => element("td", style(cell, columns[at].unit), cell))),
  );
  const table = element(
    "table",
    "",
    element("caption", "hidden", title),
    element("thead", "", element("tr", "", ...head)),
    element("tbody", "", ...body),
  );
  const scroller = element("div", "scroller", table);
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", title);
  return scroller;
}

/** The rows that a table panel's query answered; `states` gives a text of a state column its colour. */
export function tableOfRows(panel, answer, states) {
  const places = panel.columns.map((column) => answer.columns.indexOf(column.name));
  const rows = answer.rows.map((row) =>
    panel.columns.map((column, at) => {
      const value = row[places[at]];
      return column.unit === "state" ? badge(value, states[value]) : figure(value, column.unit);
    }),
  );
  return grid(panel.title, panel.columns, rows);
}

/** The points of a chart: one line for each instant, the newest first, one column for each series. */
export function tableOfPoints(panel, { times, names, values }) {
  const columns = [{ title: "Time", unit: "text" }, ...names.map((name) => ({ title: name, unit: panel.unit }))];
  const rows = times.map((time, at) => [instant(new Date(time)), ...values.map((line) => figure(line[at], panel.unit))]);
  const known = rows.filter((_, at) => values.some((line) => line[at] !== null));
  return grid(panel.title, columns, known.reverse());
}
