// The page: shows the open question, hears keys and clicks, and tells the server what was said.

import { Refusal, drawRequest, findUnsent, getState, getFigures, say } from "./server.js";
import { describeSize, showConversation, showText } from "./text.js";

const find = (id) => document.getElementById(id);
const CHOICES = { Digit1: "left", Numpad1: "left", Digit2: "right", Numpad2: "right", Digit0: "tie", Numpad0: "tie" };
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "tie" };
const LETTERS = { s: "skip", u: "undo" };
const WORDS = { left: "left is better", right: "right is better", tie: "equally good", skip: "skipped" };
const LEVELS = ["", "0.5", "1"];
const FLASH_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 140;

let state = null; // what the server said last
let confidence = ""; // one of LEVELS
let lookedMs = 0; // how long the question was in sight before the page was hidden
let seenSince = 0;

function setPageState(name) {
  document.body.dataset.state = name;
  for (const id of ["undo", "undo-last"]) find(id).disabled = !state.undo;
}

function show(next) {
  state = next;
  const { question, progress } = state;
  const numSaid = progress.num_judged + progress.num_skipped;
  find("rater").textContent = state.rater;
  const number = question ? numSaid + 1 : numSaid;
  find("count").textContent = `${number} of ${numSaid + progress.num_left}`;
  find("time").textContent = describeTime(progress);
  showBar(numSaid, progress.num_left);
  find("question").hidden = !question;
  find("end").hidden = Boolean(question);
  if (question) showQuestion(question);
  setConfidence("");
  lookedMs = 0;
  seenSince = performance.now();
  document.body.dataset.number = numSaid;
  setPageState("ready");
}

function showQuestion(question) {
  document.body.dataset.question = question.id;
  showConversation(find("prompt"), question.conversation, question.num_messages_left_out);
  for (const [place, side] of ["left", "right"].entries()) {
    showText(find(`${side}-text`), question.responses[place]);
    find(`${side}-size`).textContent = describeSize(question.responses[place]);
    find(`side-${side}`).classList.remove("chosen");
  }
  markWhatGoesOn();
}

/** Lets boxes fade out at the bottom where there is more to scroll to. */
function markWhatGoesOn() {
  for (const box of document.querySelectorAll(".scroll")) {
    box.classList.toggle("goes-on", box.scrollTop + box.clientHeight < box.scrollHeight - 2);
  }
}

function showBar(numSaid, numLeft) {
  const total = numSaid + numLeft;
  find("bar-done").style.width = `${(100 * numSaid) / total}%`;
  find("bar").setAttribute("aria-valuemax", total);
  find("bar").setAttribute("aria-valuenow", numSaid);
}

function describeTime({ num_left: numLeft, seconds_left: secondsLeft }) {
  if (numLeft === 0 || secondsLeft === null) return "";
  if (secondsLeft < 60) return "less than a minute left";
  const minutes = Math.round(secondsLeft / 60);
  if (minutes < 60) return `about ${minutes} min left`;
  return `about ${Math.floor(minutes / 60)} h ${minutes % 60} min left`;
}

function setConfidence(level) {
  confidence = level;
  for (const button of document.querySelectorAll(".level")) {
    button.setAttribute("aria-pressed", String(button.dataset.confidence === level));
  }
}

function showTrouble(text) {
  find("trouble").textContent = text ?? "";
  find("trouble").hidden = text === null;
}

async function judge(choice, level) {
  if (document.body.dataset.state !== "ready" || !state.question) return;
  const durationMs = lookedMs + (document.hidden ? 0 : performance.now() - seenSince);
  find(`side-${choice}`)?.classList.add("chosen");
  if (choice === "tie") for (const side of ["left", "right"]) find(`side-${side}`).classList.add("chosen");
  await tell({
    rater: state.rater,
    say: choice,
    question: state.question.id,
    request: drawRequest(),
    confidence: choice === "skip" || level === "" ? null : Number(level),
    duration_s: Math.min(durationMs / 1000, 86400),
  });
}

async function undo() {
  if (document.body.dataset.state !== "ready" || !state.undo) return;
  await tell({ rater: state.rater, say: "undo", ...state.undo, confidence: null, duration_s: 0 });
}

async function tell(saying) {
  setPageState("sending");
  const flash = new Promise((resolve) => setTimeout(resolve, FLASH_MS));
  try {
    const next = await say(saying, showTrouble);
    await flash;
    show(next);
    announce(saying.say);
  } catch (error) {
    handle(error);
  }
}

function announce(said) {
  const done = said === "undo" ? "taken back" : WORDS[said];
  const next = state.question ? `Question ${find("count").textContent}.` : "That was the last question.";
  find("said").textContent = `Saved: ${done}. ${next}`;
}

function handle(error) {
  if (!(error instanceof Refusal)) {
    showTrouble("The server does not answer. Start it again and open the address that it prints.");
  } else if (error.status === 403) {
    showTrouble("This server does not know this page. If it was started again, open the address that it printed.");
  } else {
    showTrouble(`Not saved: ${error.message}.`);
    if (error.state) show(error.state);
  }
}

async function showFigures() {
  try {
    const rows = (await getFigures()).map(([name, value, remark]) => {
      const row = document.createElement("tr");
      const [head, cell, note] = ["th", "td", "td"].map((kind) => document.createElement(kind));
      head.scope = "row";
      [head.textContent, cell.textContent, note.textContent] = [name, value, remark];
      note.className = "quiet";
      row.append(head, cell, note);
      return row;
    });
    find("figures-lines").replaceChildren(...rows);
    find("figures").showModal();
  } catch (error) {
    handle(error);
  }
}

function scrollBoth(direction) {
  for (const side of ["left", "right"]) {
    const box = find(`${side}-text`);
    box.scrollBy({ top: direction * box.clientHeight * 0.6, behavior: FLASH_MS ? "smooth" : "instant" });
  }
}

/** Tells whether an arrow key is wanted for scrolling the box that has the focus. */
function isScrolling(event) {
  const box = document.activeElement;
  return event.key === "ArrowDown" && box.matches(".scroll") && box.scrollHeight > box.clientHeight + 1;
}

function hearKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  const choice = CHOICES[event.code] ?? (isScrolling(event) ? undefined : ARROWS[event.key]);
  const letter = /^[a-z?]$/i.test(event.key) ? event.key.toLowerCase() : event.code.replace("Key", "").toLowerCase();
  if (letter === "?") find("help").showModal();
  else if (choice) judge(choice, event.shiftKey ? "0.5" : confidence);
  else if (LETTERS[letter] === "skip") judge("skip", "");
  else if (LETTERS[letter] === "undo") undo();
  else if (letter === "c") setConfidence(LEVELS[(LEVELS.indexOf(confidence) + 1) % LEVELS.length]);
  else if (letter === "j" || letter === "k") scrollBoth(letter === "j" ? 1 : -1);
  else if (letter === "f") showFigures();
  else return;
  event.preventDefault();
}

function hearEverything() {
  document.addEventListener("keydown", hearKey);
  for (const button of document.querySelectorAll("[data-say]")) {
    button.addEventListener("click", () => judge(button.dataset.say, confidence));
  }
  for (const button of document.querySelectorAll(".level")) {
    button.addEventListener("click", () => setConfidence(button.dataset.confidence));
  }
  for (const id of ["undo", "undo-last"]) find(id).addEventListener("click", undo);
  find("show-help").addEventListener("click", () => find("help").showModal());
  find("show-figures").addEventListener("click", showFigures);
  document.addEventListener("scroll", markWhatGoesOn, { capture: true, passive: true });
  addEventListener("resize", () => {
    find("prompt").scrollTop = find("prompt").scrollHeight;
    markWhatGoesOn();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) lookedMs += performance.now() - seenSince;
    seenSince = performance.now();
  });
}

async function begin() {
  hearEverything();
  try {
    show(await getState());
    const unsent = findUnsent();
    if (unsent) await tell(unsent);
  } catch (error) {
    handle(error);
  }
}

begin();
