// Every request is an ordinary one: the browser sends the cookies and stores those of the response.
// The script adds only the CSRF token, which is useless without the cookies.

const byId = (id) => document.getElementById(id);

const csrfToken = () => document.cookie.match(/(?:^|; )__Host-csrf_token=([^;]*)/)?.[1];

const csrfHeader = () => {
  const token = csrfToken();
  return token ? { "X-CSRF-Token": token } : {};
};

function show(kind, what, status, said, isGood) {
  const entry = document.createElement("li");
  entry.className = isGood ? "good" : "bad";
  for (const [name, text] of Object.entries({ kind, what, status, said })) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    entry.append(part);
  }
  byId("log").prepend(entry);
  showCookies();
}

function showCookies() {
  const seen = document.cookie.replaceAll("; ", "\n").replaceAll("=", "\n= ");
  byId("cookies").textContent = seen || "nothing";
}

async function send(method, path, { headers = {}, json } = {}) {
  const body = json && JSON.stringify(json);
  const type = json && { "Content-Type": "application/json" };
  try {
    const response = await fetch(path, { method, headers: { ...type, ...headers }, body });
    const content = await response.json();
    show(method, path, response.status, content.code ?? summary(content), response.ok);
    return content.code;
  } catch (error) {
    show(method, path, "—", error.message, false);
  }
}

// All tabs share one refresh token, and each refresh replaces it. The lock lets one tab at a time
// refresh, so that each tab sends the newest token.
const refresh = () =>
  navigator.locks.request("refresh", async () => {
    const post = () => send("POST", "/session/refresh", { headers: csrfHeader() });
    // Another refresh replaced the token during the request: the browser now has a newer cookie.
    if ((await post()) === "refresh_token_superseded") await post();
  });

const summary = (content) =>
  content.detail ??
  Object.entries(content)
    .map(([name, value]) => `${name}: ${value}`)
    .join(", ");

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
  send("POST", "/session", { json: Object.fromEntries(new FormData(event.target)) });
});
const steps = {
  read: () => send("GET", "/orders"),
  refresh,
  place: () => send("POST", "/orders", { headers: csrfHeader() }),
  forget: () => send("POST", "/orders"),
  open: openSocket,
  logout: () => send("POST", "/session/logout", { headers: csrfHeader() }),
};
for (const [id, step] of Object.entries(steps)) byId(id).addEventListener("click", step);
showCookies();
