// The page: controls, address, and the loop that keeps every panel fresh.

import { timeOfDay } from "./format.js";
import { Panel, ask } from "./panel.js";
import { element } from "./table.js";

const by = (id) => document.getElementById(id);
const state = { range: null, teams: [], panels: [], dashboard: null, controller: null, timer: 0 };

async function start() {
  const never = new AbortController().signal;
  try {
    state.dashboard = await ask("api/dashboards/overview", never);
  } catch (error) {
    trouble(error.message);
    return;
  }
  by("zone").textContent = ` (${Intl.DateTimeFormat().resolvedOptions().timeZone})`;
  by("hint-code").textContent = [
    "import tokentide",
    `tokentide.instrument(transport="http", endpoint="${location.origin}")`,
    "",
    'with tokentide.context(team="search", app="assistant"):',
    "    ...  # calls as before",
  ].join("\n");
  readAddress();
  buildRanges();
  buildPanels();
  listen();
  await refresh();
}

function readAddress() {
  const address = new URLSearchParams(location.search);
  const names = state.dashboard.ranges.map((range) => range.name);
  state.range = names.includes(address.get("range")) ? address.get("range") : state.dashboard.default_range;
  state.teams = address.getAll("teams");
}

function writeAddress() {
  const address = new URLSearchParams([["range", state.range], ...state.teams.map((team) => ["teams", team])]);
  history.replaceState(null, "", `?${address}`);
}

function buildRanges() {
  for (const { name } of state.dashboard.ranges) {
    const input = element("input");
    Object.assign(input, { type: "radio", name: "range", value: name, checked: name === state.range });
    by("ranges").append(element("label", "", input, element("span", "", name)));
  }
}

function buildPanels() {
  for (const row of state.dashboard.rows) {
    const panels = row.panels.map((definition) => new Panel(definition, state.dashboard.states));
    const title = element("h2", "", row.title);
    title.id = `row-${row.number}`;
    const section = element("section", "row", title, ...panels.map((panel) => panel.root));
    section.setAttribute("aria-labelledby", title.id);
    by("dashboard").append(section);
    state.panels.push(...panels);
  }
}

async function buildTeams(signal) {
  const [variable] = state.dashboard.variables;
  const known = await ask(`api/variables/${variable.name}`, signal);
  const teams = [...new Set([...known, ...state.teams])];
  nameTeams();
  if (by("teams-list").dataset.teams === JSON.stringify(teams)) return;
  by("teams-list").dataset.teams = JSON.stringify(teams);
  by("teams-list").replaceChildren(
    by("teams-list").firstElementChild,
    ...teams.map((team) => {
      const input = element("input");
      Object.assign(input, { type: "checkbox", name: "teams", value: team, checked: state.teams.includes(team) });
      return element("label", "", input, ` ${team}`);
    }),
    ...(teams.length === 0 ? [element("p", "", "No team has made a call yet.")] : []),
  );
}

function nameTeams() {
  const { teams } = state;
  by("teams-chosen").textContent = teams.length === 0 ? "All teams" : teams.length === 1 ? teams[0] : `${teams.length} teams`;
}

function listen() {
  by("controls").addEventListener("submit", (event) => {
    event.preventDefault();
    refresh();
  });
  by("controls").addEventListener("change", (event) => {
    if (event.target.name === "range") state.range = event.target.value;
    if (event.target.name === "teams") {
      state.teams = [...by("teams-list").querySelectorAll("input:checked")].map((input) => input.value);
      nameTeams();
    }
    writeAddress();
    refresh();
  });
  document.addEventListener("visibilitychange", () => document.hidden || (by("auto").checked && refresh()));
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details[open]")) if (!open.contains(event.target)) open.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const open of document.querySelectorAll("details[open]")) open.open = false;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.panels.forEach((panel) => panel.show()));
}

async function refresh() {
  clearTimeout(state.timer);
  state.controller?.abort();
  const { signal } = (state.controller = new AbortController());
  const to = Date.now();
  const from = to - 1000 * state.dashboard.ranges.find((range) => range.name === state.range).seconds;
  const instants = [["from", new Date(from).toISOString()], ["to", new Date(to).toISOString()]];
  const query = new URLSearchParams([...instants, ...state.teams.map((team) => ["teams", team])]);
  const loads = state.panels.map((panel) => panel.load({ from, to, query }, signal));
  const [teams, ...filled] = await Promise.all([buildTeams(signal).then(() => "", (error) => error.message), ...loads]);
  if (signal.aborted) return;
  trouble(teams);
  const charts = filled.filter((_, at) => ["timeseries", "bars"].includes(state.panels[at].definition.kind));
  const idle = charts.every((rows) => rows === false);
  by("hint").hidden = !idle;
  by("dashboard").classList.toggle("idle", idle);
  by("updated").textContent = `Updated ${timeOfDay(new Date(to))}`;
  state.timer = setTimeout(() => document.hidden || !by("auto").checked || refresh(), state.dashboard.refresh_seconds * 1000);
}

function trouble(sentence) {
  by("trouble").textContent = sentence;
  by("trouble").hidden = !sentence;
}

start();
