// Shows what this server pushes, and leads to it. It answers no request and keeps no page: what people
// decide on is always fetched anew.

const HOME = new URL("./", self.location.href).href; // the server may stand below a path

/** Where a notification leads: a page of this server, whatever the message says. */
function ours(text) {
  if (typeof text !== "string") return HOME;
  try {
    const url = new URL(text, HOME);
    return url.href.startsWith(HOME) ? url.href : HOME;
  } catch {
    return HOME;
  }
}

function read(data) {
  try {
    const told = data.json();
    return told && typeof told === "object" ? told : {};
  } catch {
    return {};
  }
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const told = event.data ? read(event.data) : {};
  const tag = typeof told.tag === "string" ? told.tag : "";
  event.waitUntil(self.registration.showNotification(String(told.title || "Assentry"), {
    body: String(told.body || "Something waits for you."),
    icon: new URL("static/assentry/icon-192.png", HOME).href,
    badge: new URL("static/assentry/badge-96.png", HOME).href,
    // A newer message about the same takes the place of the older one, and is heard all the same.
    tag,
    renotify: tag !== "",
    data: { url: ours(told.url) },
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = ours(event.notification.data?.url);
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window" });
    const there = open.find((client) => client.url === url);
    return there ? there.focus() : self.clients.openWindow(url);
  })());
});
