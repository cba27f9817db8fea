// Single keys, on every page. They move and open; none of them decides anything, and all but ? are switched
// off with one box. In a field a key is what is typed.

import { find, findAll, say } from "./app.js";

const help = find("#keys");
const keysBox = find("#keys-on");
const KEYS_OFF = "assentry.keys-off";
const GO_MS = 1500;
const TYPED = "textarea, select, [contenteditable], input:not([type=checkbox])";
const CLOSES = "#reject[open], #edit[open], #return[open], #filters[open], #save-view[open]";

/** Places by the last part of their address, and the letter after g. */
const PLACES = {
  "": "i", agents: "a", policy: "p", people: "w", schedules: "s", endpoints: "e", channels: "c",
  numbers: "n", log: "l", stop: "k", settings: "o", views: "v",
};
let goes = 0;

function keysOff() {
  try { return localStorage.getItem(KEYS_OFF) === "1"; } catch { return false; }
}

const links = () => findAll("#queue [data-item] > a").filter((link) => link.offsetParent);

function move(step) {
  const listed = links();
  if (!listed.length) return;
  const row = document.activeElement.closest?.("[data-item]");
  const at = row ? listed.indexOf(find("a", row)) : -1;
  const start = at >= 0 ? at : listed.findIndex((link) => link.hasAttribute("aria-current"));
  const next = start < 0 ? 0 : Math.min(listed.length - 1, Math.max(0, start + step));
  listed[next].focus();
}

function choose() {
  const row = document.activeElement.closest?.("[data-item]") || find("[data-item]:has(> a[aria-current])");
  row && find(".pick input", row)?.click();
}

/** Open a part of the bar and stand in its first field. */
function open(selector, field) {
  const box = find(selector);
  if (!box) return;
  box.open = true;
  find(field, box)?.focus();
}

/** The links of the frame that a letter leads to, by letter: only what this person has. */
function places() {
  const found = new Map();
  const home = new URL(find(".brand")?.href || location.href).pathname;
  for (const link of findAll("header.top a[href]")) {
    const url = new URL(link.href);
    const letter = PLACES[url.pathname.startsWith(home) ? url.pathname.slice(home.length) : null];
    if (letter && !link.classList.contains("brand")) found.set(letter, link);
  }
  return found;
}

/** Show the sheet: of its lines, those that mean something on this page. */
function sheet() {
  if (!help || help.open) return;
  for (const line of findAll("[data-needs]", help)) line.hidden = !find(line.dataset.needs);
  const list = find("#keys-places");
  list.replaceChildren(...[...places()].map(([letter, link]) => {
    const line = document.createElement("div");
    const key = document.createElement("dt");
    for (const one of ["g", letter]) {
      const made = document.createElement("kbd");
      made.textContent = one;
      key.append(made, " ");
    }
    const said = document.createElement("dd");
    said.textContent = link.textContent.trim();
    line.append(key, said);
    return line;
  }));
  help.showModal();
}

/** Close what is open: a part of the bar, the filters. */
function close() {
  const box = document.activeElement.closest?.(CLOSES) || find(CLOSES);
  if (!box) return false;
  box.open = false;
  find("summary", box)?.focus();
  return true;
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  x: choose,
  n: () => find("#news:not([hidden])")?.click(),
  "/": () => find("#q")?.select(),
  g: () => { goes = performance.now(); },
  a: () => {
    const button = find("#approve");
    if (!button) return;
    for (const box of findAll("#reject, #edit, #return")) box.open = false;
    button.focus();
    say("Approve is in focus: press Enter to approve.", { show: true });
  },
  r: () => open("#reject", "input[type=radio], textarea"),
  e: () => open("#edit", "input:not([type=hidden]), textarea, select"),
  "?": sheet,
};

function go(letter) {
  goes = 0;
  const link = places().get(letter);
  if (link) location.assign(link.href);
  return Boolean(link);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || find("dialog[open]")) return;
  if (event.key === "Escape") {
    if (!close() && event.target.matches?.("#q")) event.target.blur();
    return;
  }
  if (event.target.closest(TYPED)) return;
  if (keysOff() && event.key !== "?") return;
  if (goes && performance.now() - goes < GO_MS && !event.repeat && go(event.key)) {
    event.preventDefault();
    return;
  }
  goes = 0;
  const act = actions[event.key];
  if (!act || (event.repeat && !"jk".includes(event.key))) return;
  event.preventDefault();
  act();
});

for (const button of findAll("[data-opens-keys]")) {
  button.hidden = false;
  button.addEventListener("click", sheet);
}
if (keysBox) {
  keysBox.checked = !keysOff();
  keysBox.addEventListener("change", () => {
    try { localStorage.setItem(KEYS_OFF, keysBox.checked ? "0" : "1"); } catch { /* stays as it was */ }
  });
}
