// Every request is an ordinary one: the browser sends the cookies and stores those of the response.
// The script adds only the CSRF token, which is useless without the cookies.

const GRACE_SECONDS = 10; // TokenPolicy.reuse_grace
const MEANINGS = {
  csrf_missing: "The request has the cookie but no CSRF token, like the form of another site.",
  nothing_stolen: "The thief has no token of this session. Refresh first.",
  refresh_token_reused:
    "The old token was used after its ten seconds, so somebody has copied it. The session has ended for the thief and for you: log in again.",
  refresh_token_superseded: "The token was replaced, and its successor is in use. The session goes on.",
  token_missing: "The request has no token. Log in first.",
  token_revoked: "The session has ended. Log in again.",
};
const SAME_PAIR =
  "Within ten seconds the old token gets the same new tokens again, so a quick thief gets them too. Wait until the ten seconds are over, then replay it again.";
// The step that follows a successful request.
const NEXT = {
  "POST /session": "use",
  "POST /orders": "refresh",
  "POST /session/refresh": "replay",
  "POST /session/logout": "login",
};
const SESSION_ENDED = ["refresh_token_reused", "token_missing", "token_revoked"];

const byId = (id) => document.getElementById(id);

const csrfToken = () => document.cookie.match(/(?:^|; )__Host-csrf_token=([^;]*)/)?.[1];

const csrfHeader = () => {
  const token = csrfToken();
  return token ? { "X-CSRF-Token": token } : {};
};

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function show(kind, what, status, said, isGood, means = MEANINGS[said]) {
  const entry = element("li", isGood ? "good" : "bad", "");
  for (const [name, text] of Object.entries({ kind, what, status, said, means })) {
    if (text) entry.append(element("span", name, text));
  }
  byId("log").prepend(entry);
  byId("latest").replaceChildren(entry.cloneNode(true)); // for phones, where the log is far away
  showCookies();
}

async function send(method, path, { headers = {}, json, as = [method, path], means, use } = {}) {
  const body = json && JSON.stringify(json);
  const type = json && { "Content-Type": "application/json" };
  try {
    const response = await fetch(path, { method, headers: { ...type, ...headers }, body });
    const content = await response.json();
    readCookies(response.headers.get("Demo-Cookies"));
    const meaning = response.ok ? means : MEANINGS[content.code];
    show(...as, response.status, content.code ?? summary(content), response.ok, meaning);
    if (SESSION_ENDED.includes(content.code)) endSession();
    else if (response.ok) goTo(NEXT[`${method} ${path}`]);
    if (response.ok) use?.(content);
    return content.code ?? response.status;
  } catch (error) {
    show(...as, "—", error.message, false);
  }
}

const summary = (content) =>
  content.detail ??
  Object.entries(content)
    .map(([name, value]) => `${name}: ${Array.isArray(value) ? value.length : value}`)
    .join(", ");

// Mark the step to take next. All others stay possible.

function goTo(step) {
  if (!step) return;
  if (step === "login") showDevices({ devices: [] });
  for (const each of byId("steps").children) {
    if (each.dataset.step === step) each.setAttribute("aria-current", "step");
    else each.removeAttribute("aria-current");
  }
}

function endSession() {
  goTo("login");
  startGrace(undefined);
}

// All tabs share one refresh token, and each refresh replaces it. The lock lets one tab at a time
// refresh, so that each tab sends the newest token.
const refresh = () =>
  navigator.locks.request("refresh", async () => {
    const post = () => send("POST", "/session/refresh", { headers: csrfHeader() });
    let answer = await post();
    // Another refresh replaced the token during the request: the browser now has a newer cookie.
    if (answer === "refresh_token_superseded") answer = await post();
    if (answer === 200) startGrace(Date.now() + GRACE_SECONDS * 1000);
  });

const replay = () =>
  send("POST", "/thief", { headers: csrfHeader(), as: ["THIEF", "/session/refresh"], means: SAME_PAIR });

let graceUntil;

function startGrace(until) {
  graceUntil = until;
  showGrace();
}

function showGrace() {
  const seconds = Math.ceil((graceUntil - Date.now()) / 1000);
  byId("grace").textContent =
    graceUntil === undefined
      ? "Refresh first."
      : seconds > 0
        ? `The old token still works for ${seconds} s.`
        : "The ten seconds are over. A replay now ends the session.";
}

// Cookies: what the answers say of them. No script can list the HttpOnly ones.

const cookies = new Map();

function readCookies(header) {
  for (const cookie of header?.split(", ") ?? []) {
    const [name, ...parts] = cookie.split("; ");
    const attributes = Object.fromEntries(parts.map((part) => part.split("=")));
    const lifetime = Number(attributes["Max-Age"]) * 1000;
    const expires = Date.now() + lifetime;
    cookies.set(name, { path: attributes.Path, isHidden: "HttpOnly" in attributes, expires });
    if (!lifetime) cookies.delete(name);
  }
}

function duration(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

const DATE = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };

function showCookies() {
  const now = Date.now();
  const entries = [...cookies].map(([name, { path, isHidden, expires }]) => {
    const entry = element("li", "", "");
    const readers = isHidden ? "HttpOnly: no script can read it" : "Scripts can read it";
    const until = new Date(expires).toLocaleString("en-GB", DATE);
    const end = expires > now ? `Expires in ${duration(expires - now)} (${until})` : `Expired ${until}`;
    entry.append(
      element("code", "name", name),
      element("span", "", readers),
      element("span", "", path === "/" ? "Sent with every request" : `Sent to ${path} and below`),
      element("time", "", end),
    );
    entry.lastChild.dateTime = new Date(expires).toISOString();
    return entry;
  });
  const none = csrfToken()
    ? "There are cookies of an earlier visit. Refresh to see when they expire."
    : "None: log in first.";
  if (!entries.length) entries.push(element("li", "", none));
  const list = byId("cookies");
  // Once a second, but only if the text changes: a visitor may have selected it.
  if (list.textContent !== entries.map((entry) => entry.textContent).join("")) {
    list.replaceChildren(...entries);
  }
  byId("visible").textContent =
    document.cookie.replaceAll("; ", "\n").replaceAll("=", "\n= ") || "nothing";
}

// Devices: the open sessions of the user. Any of them but the current one can be ended here.

const showDevices = ({ devices }) => byId("devices").replaceChildren(...devices.map(deviceEntry));

function deviceEntry({ session, label, began_at, refreshed_at, is_current }) {
  const entry = element("li", "", "");
  const name = label ?? "A device without a name"; // a user's text: `element` makes no HTML of it
  entry.append(element("span", "name", name));
  for (const [what, at] of [["Logged in", began_at], ["Last refresh", refreshed_at]]) {
    const time = element("time", "", `${what} ${new Date(at).toLocaleString("en-GB", DATE)}`);
    time.dateTime = at;
    entry.append(time);
  }
  if (is_current) {
    entry.append(element("span", "current", "This device"));
    return entry;
  }
  const button = element("button", "wrong", "End");
  button.ariaLabel = `End ${name}`;
  const path = `/devices/${encodeURIComponent(session)}`;
  const end = () => send("DELETE", path, { headers: csrfHeader(), use: () => entry.remove() });
  button.addEventListener("click", end);
  entry.append(button);
  return entry;
}

function openSocket() {
  const socket = new WebSocket(`wss://${location.host}/ws`);
  let isOpen = false;
  socket.addEventListener("open", () => {
    isOpen = true;
    byId("socket").textContent = "open";
    show("WS", "/ws", "open", "send hello", true);
    socket.send("hello");
  });
  socket.addEventListener("message", ({ data }) => show("WS", "/ws", "open", `receive ${data}`, true));
  socket.addEventListener("close", ({ code, reason }) => {
    byId("socket").textContent = isOpen ? `closed: ${code} ${reason}` : "refused";
    show("WS", "/ws", code, isOpen ? reason : "refused", false);
  });
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  endSession();
  send("POST", "/session", { json: Object.fromEntries(new FormData(event.target)) });
});
const steps = {
  read: () => send("GET", "/orders"),
  refresh,
  place: () => send("POST", "/orders", { headers: csrfHeader() }),
  forget: () => send("POST", "/orders"),
  open: openSocket,
  replay,
  list: () => send("GET", "/devices", { use: showDevices }),
  logout: () => send("POST", "/session/logout", { headers: csrfHeader() }),
};
for (const [id, step] of Object.entries(steps)) byId(id).addEventListener("click", step);
goTo(csrfToken() ? "refresh" : "login");
showCookies();
setInterval(() => (showCookies(), showGrace()), 1000);
