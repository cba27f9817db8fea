// Notifications in this browser: asking for them, and ending them. Only the browser itself can do that;
// what the server keeps of it stands in the page's list, where it is removed without this file too.

const home = new URL("../../", import.meta.url); // the server may stand below a path
const box = document.querySelector("#this-browser");
const button = box.querySelector("button");
const said = box.querySelector("[role=status]");
const rows = [...document.querySelectorAll("[data-endpoint]")];

function tell(text) {
  said.textContent = text;
}

function bytes(text) {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

async function sha256(text) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What this browser calls itself, shortly: the list is for people. */
function name() {
  const agent = navigator.userAgent;
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]
    .find(([mark]) => agent.includes(mark))?.[1] || "A browser";
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["Linux", "Linux"]]
    .find(([mark]) => agent.includes(mark))?.[1];
  return system ? `${browser} on ${system}` : browser;
}

async function subscription() {
  const registration = await navigator.serviceWorker.getRegistration(home.href);
  return registration ? registration.pushManager.getSubscription() : null;
}

/** Why it cannot be switched on here; empty where it can. */
function hindrance() {
  if (!isSecureContext) return "Browsers notify only of pages that are served by https.";
  const able = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!able && /iPhone|iPad/.test(navigator.userAgent)) {
    return "On this device, add Assentry to the home screen first, and open it from there.";
  }
  if (!able) return "This browser cannot be notified by pages.";
  if (Notification.permission === "denied") {
    return "Notifications of this page are blocked in the browser. Allow them in its settings, then reload.";
  }
  return "";
}

async function subscribed() {
  const registration = await navigator.serviceWorker.register(new URL("sw.js", home).href, { scope: home.pathname });
  await navigator.serviceWorker.ready;
  const old = await registration.pushManager.getSubscription();
  await old?.unsubscribe(); // it may be another server key's, or another person's
  return registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytes(box.dataset.key),
  });
}

async function keep(made) {
  const { endpoint, keys } = made.toJSON();
  const answer = await fetch(new URL("api/v1/me/browsers", home), {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value,
      "Assentry-Workspace": box.dataset.workspace,
    },
    body: JSON.stringify({ endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth }, browser: name() }),
  });
  if (answer.ok) return;
  await made.unsubscribe();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.errors?.[0]?.detail || problem.detail || `The server answered ${answer.status}.`);
}

async function switchOn() {
  button.disabled = true;
  tell("Asking the browser…");
  try {
    if (await Notification.requestPermission() !== "granted") {
      tell(hindrance() || "You did not allow it. Nothing was changed.");
      return;
    }
    await keep(await subscribed());
    location.reload();
  } catch (error) {
    tell(`It could not be switched on. ${error.message}`);
  } finally {
    button.disabled = false;
  }
}

async function look() {
  const why = hindrance();
  tell(why);
  if (why) return;
  const found = await subscription();
  const digest = found && await sha256(found.endpoint);
  const row = rows.find((one) => one.dataset.endpoint === digest);
  button.hidden = Boolean(row);
  tell(row ? "This browser is notified." : "");
  if (!row) return;
  row.querySelector("[data-this]").hidden = false;
  // The browser forgets it as well; the form is posted whatever becomes of that.
  row.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    await found.unsubscribe().catch(() => {});
    form.submit();
  });
}

button.addEventListener("click", switchOn);
await look();

const zone = document.querySelector("select[data-new]");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && [...zone.options].some((option) => option.value === here)) zone.value = here;
