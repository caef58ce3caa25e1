// One panel: its frame, and its answer as a number, a chart or a table; loading, empty and failed are states of it.

import { draw, pointsOf, summary } from "./chart.js";
import { format, short } from "./format.js";
import { badge, element, figure, mark, tableOfPoints, tableOfRows } from "./table.js";

export class Panel {
  constructor(definition, states) {
    this.definition = definition;
    this.states = states;
    this.asTable = false;
    this.content = element("div", "content");
    this.root = this.#frame();
    this.#loading();
    new ResizeObserver(() => this.chart?.resize()).observe(this.content);
  }

  /** Ask for the range and show the answer, or what went wrong. Returns whether there were rows, null when it failed. */
  async load(range, signal) {
    this.root.setAttribute("aria-busy", "true");
    try {
      const answer = await ask(`api/panels/${this.definition.query}?${range.query}`, signal);
      this.shown = { answer, range };
      this.show();
      return answer.rows.length > 0;
    } catch (error) {
      if (signal.aborted) return null;
      this.shown = null;
      this.#failed(error.message, () => this.load(range, signal));
      return null;
    } finally {
      if (!signal.aborted) this.root.removeAttribute("aria-busy");
    }
  }

  /** Show the last answer (again). */
  show() {
    if (!this.shown) return;
    const { answer, range } = this.shown;
    if (this.definition.kind === "stat") this.#number(answer);
    else if (answer.rows.length === 0) this.#replace(element("p", "empty", this.definition.empty));
    else if (this.definition.kind === "table") this.#replace(tableOfRows(this.definition, answer, this.states));
    else this.#points(pointsOf(answer, range.from, range.to));
  }

  #frame() {
    const { title, description, kind, width, height, query } = this.definition;
    const heading = element("h3", "", title);
    heading.id = `title-${query}`;
    const about = element("details", "about", element("summary", "", "?"), element("p", "", description));
    about.firstChild.setAttribute("aria-label", `What is “${title}”?`);
    const tools = element("div", "tools", about);
    if (kind === "timeseries" || kind === "bars") tools.prepend(this.#switch(title));
    const root = element("section", `panel ${kind}`, element("header", "", heading, tools), this.content);
    root.id = query;
    root.setAttribute("aria-labelledby", heading.id);
    root.style.setProperty("--width", width);
    root.style.setProperty("--height", height);
    return root;
  }

  #switch(title) {
    const button = element("button", "", "Table");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Show “${title}” as a table`);
    button.addEventListener("click", () => {
      this.asTable = !this.asTable;
      button.setAttribute("aria-pressed", String(this.asTable));
      this.show();
    });
    return button;
  }

  #replace(...content) {
    this.chart?.dispose();
    this.chart = null;
    this.content.replaceChildren(...content);
  }

  #loading() {
    this.root.setAttribute("aria-busy", "true");
    this.#replace(element("p", "empty loading", "Loading …"));
  }

  #failed(sentence, retry) {
    const again = element("button", "", "Try again");
    again.type = "button";
    again.addEventListener("click", retry);
    const trouble = element("div", "failed", badge("This panel could not be loaded.", "warning"), element("p", "", sentence), again);
    trouble.setAttribute("role", "alert");
    this.#replace(trouble);
  }

  #number(answer) {
    const [row] = answer.rows;
    const value = row ? row[answer.columns.indexOf("value")] : null;
    const note = row && answer.columns.includes("note") ? row[answer.columns.indexOf("note")] : "";
    const { thresholds, unit } = this.definition;
    const reached = thresholds.findLast((threshold) => value !== null && value >= threshold.value);
    const text = value >= 1e7 ? short(value, unit) : format(value, unit);
    const shown = element("p", "figure", figure(value, unit, text));
    if (reached) shown.append(mark(reached.colour, reached.colour));
    this.root.dataset.colour = reached?.colour ?? "";
    this.#replace(shown, element("p", "note", note));
  }

  #points(points) {
    if (this.asTable) {
      this.#replace(tableOfPoints(this.definition, points));
      return;
    }
    if (!this.chart) {
      const holder = element("div", "chart");
      holder.setAttribute("role", "img");
      this.#replace(holder);
    }
    const holder = this.content.firstChild;
    holder.setAttribute("aria-label", summary(this.definition, points));
    this.chart = draw(holder, this.definition, points);
  }
}

/** The JSON at `address`. Throws an Error whose message is a sentence for the reader. */
export async function ask(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal });
  } catch {
    throw new Error("The server does not answer. The next refresh tries again.");
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `The server answered ${response.status}.`);
  return body;
}
