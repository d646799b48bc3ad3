// What is shown of one recording: its picture, its transcript, and playing it.
import { decode, Samples } from "./audio.js";
import { Picture, SPAN } from "./picture.js";
import { clock, describe, paragraph } from "./transcript.js";
import { word } from "./words.js";

export const at = (id) => document.getElementById(id);
const { body } = document, player = at("player"), picture = new Picture(at("picture"));

/** The recording: `answer` is the server's, or one like it. */
export const shown = { name: "recording", samples: new Samples(), utterances: [], syllables: [], answer: null };
let until = Infinity; // seconds at which playing one syllable ends

export const state = () => body.dataset.state;
export function enter(next) {
  body.dataset.state = next;
  at("record_text").textContent = word(next === "recording" ? "stop" : "record");
}

let said = ["", {}, false]; // so that it can be written anew in another language
export function say(text, values = {}, wrong = false) {
  said = [text, values, wrong];
  at("status").textContent = text && word(text, values);
  at("status").classList.toggle("error", wrong);
}

/** Write anew what the state tells, in the language of now. */
export function retell() {
  at("play").setAttribute("aria-label", word(player.paused ? "play" : "pause"));
  enter(state());
  say(...said);
}

/** Forget the recording before. */
export function clear() {
  player.pause();
  if (player.src) URL.revokeObjectURL(player.src);
  player.removeAttribute("src");
  until = Infinity;
  Object.assign(shown, { samples: new Samples(), answer: null });
  picture.clear();
  body.classList.remove("playable", "pictured", "playing");
  clearText();
  say("");
}

export function clearText() {
  Object.assign(shown, { utterances: [], syllables: [] });
  for (const id of ["transcript", "detail", "spoken"]) at(id).textContent = "";
}

// --- the picture ---

function cursor() { return state() === "recording" || !body.classList.contains("playable") ? null : player.currentTime; }

function draw() {
  const total = state() === "recording" ? shown.samples.seconds : Math.max(shown.samples.seconds, 0.1);
  const span = state() === "recording" ? SPAN : Math.min(SPAN, total);
  const wanted = state() === "recording" ? total - span : player.currentTime - span / 2;
  const start = Math.max(0, Math.min(total - span, wanted));
  picture.draw(shown.samples, shown.syllables, start, span, cursor());
}

let frame = 0;
export function redraw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (body.classList.contains("pictured")) draw();
    if (!player.paused) follow();
  });
}

/** While it plays: mark the syllable, move the slider, end after one syllable. */
function follow() {
  const now = player.currentTime;
  if (now >= until) {
    player.pause();
    until = Infinity;
  }
  for (const each of at("transcript").querySelectorAll(".now")) each.classList.remove("now");
  const number = shown.syllables.findIndex(({ start, end }) => start <= now && now < end);
  if (number >= 0 && !player.paused) button(number)?.classList.add("now");
  at("position").value = now;
  at("clock").textContent = `${clock(now)} / ${clock(player.duration || 0)}`;
  redraw();
}

// --- the transcript ---

const button = (number) => at("transcript").querySelector(`[data-number="${number}"]`);

/** Show an utterance: the next, or in place of what was known of it. */
export function show(given, final = true) {
  const index = shown.utterances.findIndex((each) => each === given || each.utterance === (given.utterance ?? NaN));
  if (index < 0 && !given.syllables.length) return;
  if (index >= 0) shown.utterances[index] = given;
  else shown.utterances.push(given);
  const place = index >= 0 ? index : shown.utterances.length - 1;
  const before = shown.utterances.slice(0, place).reduce((sum, each) => sum + each.syllables.length, 0);
  const line = paragraph(given, before, final);
  at("transcript").children[place]?.remove();
  at("transcript").insertBefore(line, at("transcript").children[place] ?? null);
  shown.syllables = shown.utterances.flatMap((each) => each.syllables);
  if (before === 0) button(0)?.setAttribute("tabindex", "0");
}

function choose(number) {
  const syllable = shown.syllables[number];
  if (!syllable) return;
  at("transcript").querySelector(`[tabindex="0"]`)?.setAttribute("tabindex", "-1");
  const chosen = button(number);
  chosen.tabIndex = 0;
  chosen.focus();
  at("detail").textContent = describe(syllable).join(" · ");
}

function hear(number) {
  if (!body.classList.contains("playable")) return;
  player.currentTime = Math.max(0, shown.syllables[number].start - 0.03);
  until = shown.syllables[number].end + 0.08;
  player.play();
}

at("transcript").addEventListener("click", ({ target }) => {
  const number = target.closest(".syllable")?.dataset.number;
  if (number === undefined) return;
  choose(Number(number));
  hear(Number(number));
});
at("transcript").addEventListener("pointerover", ({ target }) => {
  const syllable = shown.syllables[target.closest(".syllable")?.dataset.number];
  if (syllable) at("detail").textContent = describe(syllable).join(" · ");
});
at("transcript").addEventListener("keydown", (event) => {
  const number = Number(event.target.dataset.number);
  const steps = { ArrowRight: number + 1, ArrowLeft: number - 1, Home: 0, End: shown.syllables.length - 1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  choose(steps[event.key]);
});

// --- playing ---

/** Let the page play a recording, and draw it. */
export async function present(file) {
  const mine = player.src = URL.createObjectURL(file);
  const seconds = await new Promise((resolve) => {
    player.onloadedmetadata = () => resolve(player.duration);
    player.onerror = () => resolve(NaN);
  });
  if (player.src !== mine) return;
  body.classList.toggle("playable", !Number.isNaN(seconds));
  at("position").max = seconds || 0;
  at("clock").textContent = `0:00 / ${clock(seconds || 0)}`;
  if (!shown.samples.length) {
    const decoded = await decode(file, seconds);
    if (player.src !== mine || !decoded) return;
    shown.samples = decoded;
  }
  body.classList.add("pictured");
  at("picture").setAttribute("aria-label", word("picture", { seconds: shown.samples.seconds.toFixed(1) }));
  redraw();
}

at("play").onclick = () => {
  until = Infinity;
  if (player.paused) player.play();
  else player.pause();
};
at("position").oninput = () => { player.currentTime = at("position").value; };
at("picture").onclick = ({ offsetX }) => {
  if (!body.classList.contains("playable") || state() === "recording") return;
  until = Infinity;
  player.currentTime = picture.timeAt(offsetX);
  player.play();
};
for (const event of ["play", "pause", "ended"]) {
  player.addEventListener(event, () => {
    body.classList.toggle("playing", !player.paused);
    at("play").setAttribute("aria-label", word(player.paused ? "play" : "pause"));
    follow();
  });
}
player.addEventListener("seeked", follow);
