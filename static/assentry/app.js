// Running clocks, the live stream, forms; keys.js and queue.js build upon it. All of it is comfort: without
// these files every page still works, by reloading. Nothing here decides anything; forms do, and only when
// somebody presses their button.

const body = document.body;
export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

// -- telling, without moving anything --------------------------------------------------------------

const toast = find("#toast");
let toastEnds = 0;

/** Say something politely; the text also shows for a while, over the page and never in its flow. */
export function say(text, { show = false } = {}) {
  const told = find("#announce");
  if (told) told.textContent = text;
  if (!show || !toast) return;
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => { toast.hidden = true; }, 8000);
}

// -- time: the server's clock counts, this machine's only ticks ------------------------------------

const SOON_S = 15 * 60;
const skew = Date.parse(body.dataset.now || "") - Date.now() || 0;
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** The same words as `pages.words.span`. */
function span(seconds) {
  if (seconds <= 0) return "time is up";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function tick() {
  const now = Date.now() + skew;
  for (const node of findAll("time[data-ends]")) {
    const seconds = (Date.parse(node.dateTime) - now) / 1000;
    write(node, seconds > 0 ? span(seconds) + (node.dataset.ends || "") : "time is up");
    node.classList.toggle("soon", seconds < SOON_S);
  }
}

export function localTimes(root = document) {
  for (const node of findAll("time[data-at]", root)) {
    const at = new Date(node.dateTime);
    const today = at.toDateString() === new Date().toDateString();
    write(node, today ? clockTime.format(at) : fullTime.format(at));
    node.title = node.dateTime;
  }
}

// -- live: one stream while the page is looked at, the fragments fetched anew on each event ---------

const queue = find("#queue");
const request = find("#request");
const live = find("#live");
let source = null;
let wanted = new Set();
let refreshing = 0;
let retry = 0;
let changedAt = -Infinity;

export function state(on, text) {
  if (!live) return;
  live.hidden = false;
  live.dataset.state = on ? "on" : "off";
  write(live, text);
}

/** What an event says changed: ids of requests, or everything when it does not say. */
function named(data) {
  try {
    const told = JSON.parse(data);
    const ids = told.requests || (told.request ? [told.request] : told.id ? [told.id] : []);
    return ids.length ? ids : ["*"];
  } catch {
    return ["*"];
  }
}

/** Fetch what is shown again; many events within a moment are one look. */
function refresh(ids) {
  for (const id of ids) wanted.add(id);
  if (refreshing) return;
  refreshing = setTimeout(() => {
    refreshing = 0;
    const open = request?.dataset.id;
    const touched = wanted.has("*") || wanted.has(open);
    wanted = new Set();
    queue?.dispatchEvent(new CustomEvent("refresh"));
    if (open && touched) request.dispatchEvent(new CustomEvent("refresh"));
  }, 120);
}

function connect() {
  if (source || !body.dataset.events || document.hidden) return;
  source = new EventSource(body.dataset.events);
  source.addEventListener("open", () => {
    state(true, "Live");
    refresh(["*"]); // whatever happened between rendering and now
  });
  source.addEventListener("inbox", (event) => refresh(named(event.data)));
  source.addEventListener("end", () => refresh(["*"])); // the session may have ended: then this says so
  source.addEventListener("error", () => {
    state(false, "Not live");
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    disconnect();
    clearTimeout(retry);
    retry = setTimeout(() => { refresh(["*"]); connect(); }, 5000);
  });
}

function disconnect() {
  source?.close();
  source = null;
}

// A hidden tab holds no stream: browsers allow only a few per server.
document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
addEventListener("pagehide", disconnect);
addEventListener("pageshow", (event) => {
  for (const form of findAll("form[data-sent]")) delete form.dataset.sent;
  if (event.persisted) refresh(["*"]);
  connect();
});

let before = {};

document.addEventListener("htmx:before:swap", () => {
  before = {
    version: request && find("[data-version]", request)?.dataset.version,
    focused: document.activeElement,
  };
});

document.addEventListener("htmx:after:swap", (event) => {
  tick();
  localTimes();
  if (event.target === request) requestChanged();
});

/** The session ended: what is shown stays, and nothing is asked for any more. */
export function signedOut() {
  disconnect();
  state(false, "Signed out");
  say("You are signed out. Reload the page to sign in again.", { show: true });
}

document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response?.status === 401) signedOut();
});

function requestChanged() {
  const shown = find("[data-version]", request);
  if (!shown || shown.dataset.version === before.version) return;
  changedAt = performance.now();
  document.title = shown.dataset.pageTitle;
  say(`This request changed just now: ${shown.dataset.stateLine}`, { show: true });
  if (before.focused && !before.focused.isConnected) find("h1", request)?.focus({ preventScroll: true });
}

// What somebody opened stays open when the page around it is brought up to date.
globalThis.htmx?.registerExtension("assentry", {
  htmx_before_morph_attr: (element, detail) => !(element.localName === "details" && detail.attrName === "open"),
});

// -- forms: one press is one post, and never one on what appeared under the finger ------------------

const SETTLE_MS = 900;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent || (form.closest(".bar") && performance.now() - changedAt < SETTLE_MS)) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
}, true);

tick();
localTimes();
setInterval(tick, 1000);
find("[data-item] a[aria-current]")?.scrollIntoView({ block: "nearest" });
find("#problem")?.focus();
