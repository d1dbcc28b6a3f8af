// Keys, play, and live numbers. Every page can be read and walked through without it.
(() => {
  const find = (selector) => document.querySelector(selector);

  // The parts of a page that changed, as the server sends them; each replaces the element with its id.
  let source = null;
  const replaceParts = (html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    for (const part of [...holder.content.children]) {
      const old = document.getElementById(part.id);
      const focused = old?.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      old?.replaceWith(part);
      if (focused) [...part.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
    }
  };
  const stopStream = () => {
    source?.close();
    source = null;
    const toggle = find("#toggle");
    if (toggle) toggle.textContent = "Go on";
  };
  const startStream = () => {
    const run = find("#run");
    const toggle = find("#toggle");
    source = new EventSource(run.dataset.stream);
    toggle.textContent = "Stop";
    source.addEventListener("parts", (event) => replaceParts(event.data));
    source.addEventListener("over", () => {
      stopStream();
      toggle.hidden = true;
    });
    // A lost search does not begin again by itself: the visitor must ask for it.
    source.addEventListener("error", stopStream);
  };
  const beginStream = () => {
    const toggle = find("#toggle");
    if (!toggle || find("#run").dataset.over === "true") return;
    toggle.hidden = false;
    toggle.addEventListener("click", () => (source ? stopStream() : startStream()));
    startStream();
  };
  addEventListener("pagehide", stopStream);

  // Play: a step forward at a time, until the path ends.
  const STEP_MS = 1100;
  let timer = null;
  const isPlaying = () => timer !== null;
  const stopPlay = () => {
    clearTimeout(timer);
    timer = null;
    showPlay();
  };
  const showPlay = () => {
    const play = find("#play");
    if (!play) return;
    play.hidden = !find("[data-key=forward]") && !find("[data-key=start]");
    play.textContent = isPlaying() ? "Pause" : "Play";
    play.setAttribute("aria-pressed", String(isPlaying()));
  };
  const playOn = () => {
    const forward = find("[data-key=forward]");
    if (!forward) return stopPlay();
    timer = setTimeout(playOn, STEP_MS);
    forward.click();
  };
  const togglePlay = () => {
    if (isPlaying()) return stopPlay();
    const forward = find("[data-key=forward]");
    const start = find("[data-key=start]");
    if (!forward && !start) return;
    timer = setTimeout(playOn, forward ? 0 : STEP_MS);
    if (!forward) start.click();
    showPlay();
  };

  const KEYS = { ArrowLeft: "back", ArrowRight: "forward", Home: "start", End: "end", c: "counterexample" };
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input, textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const help = find("#keys");
    if (event.key === "?") return help.open ? help.close() : help.showModal();
    if (help.open) return;
    if (event.key === "p") return togglePlay();
    const link = KEYS[event.key] ? find(`[data-key=${KEYS[event.key]}]`)
      : /^[1-9]$/.test(event.key) ? find(`[data-digit="${event.key}"]`) : null;
    if (link) {
      event.preventDefault();
      if (isPlaying()) stopPlay();
      link.click();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#play")) togglePlay();
  });

  document.addEventListener("DOMContentLoaded", () => {
    beginStream();
    showPlay();
  });
  document.addEventListener("htmx:afterSettle", showPlay);
})();
