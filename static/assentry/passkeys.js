// Passkeys and security keys. Only a browser's script can ask for one; whoever has scripts off gives a code.
// A form marked data-passkey names where its challenge comes from, and is posted with the answer in it.

function bytes(text) {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (character) => character.charCodeAt(0));
}

function text(buffer) {
  const raw = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

const listed = (found) => (found || []).map((one) => ({ ...one, id: bytes(one.id) }));

async function made(options) {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: listed(options.excludeCredentials),
    },
  });
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: {
      clientDataJSON: text(credential.response.clientDataJSON),
      attestationObject: text(credential.response.attestationObject),
    },
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function signed(options) {
  const credential = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: listed(options.allowCredentials),
    },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      ...(userHandle ? { userHandle: text(userHandle) } : {}),
    },
    clientExtensionResults: {},
  };
}

/** Why it cannot be done here; empty where it can. */
function hindrance(form) {
  const home = form.dataset.home;
  if (home && home !== location.origin) return `Passkeys of this server work at ${home}: open the page there.`;
  if (!isSecureContext) return "Passkeys work only on pages that are served by https.";
  if (!window.PublicKeyCredential) return "This browser has no passkeys.";
  return "";
}

async function challenge(form) {
  const answer = await fetch(form.dataset.passkey, { method: "POST", body: new FormData(form) });
  if (answer.redirected) { // it is to be shown first that it is them, or there is no session any more
    location.assign(answer.url);
    return new Promise(() => {});
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.detail || `The server answered ${answer.status}.`);
  return said;
}

const WORDS = {
  NotAllowedError: "It was cancelled, or took too long.",
  InvalidStateError: "That device has a passkey for you here already.",
};

async function use(form, button, tell) {
  button.disabled = true;
  tell("Waiting for your device…");
  try {
    const { id, options } = await challenge(form);
    const answer = await (form.dataset.does === "make" ? made : signed)(options);
    form.elements.challenge.value = id;
    form.elements.credential.value = JSON.stringify(answer);
    form.submit();
  } catch (error) {
    tell(WORDS[error.name] || error.message);
    button.disabled = false;
  }
}

/** What a form takes over from the one before it on the page, which works without scripts. */
function takeOver(form) {
  for (const name of (form.dataset.takes || "").split(" ").filter(Boolean)) {
    const copy = document.querySelector(`input[name="${name}"]`).cloneNode();
    form.append(copy);
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  takeOver(form);
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  const tell = (words) => { status.textContent = words; };
  const why = hindrance(form);
  tell(why);
  form.hidden = false;
  button.hidden = Boolean(why);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.reportValidity()) use(form, button, tell);
  });
}
