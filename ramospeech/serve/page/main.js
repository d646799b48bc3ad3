// The page: files and the microphone, and what its controls do.
import { record, RATE, toInt16, wav } from "./audio.js";
import { isOpen, Live, ServerError, transcribe, useKey } from "./server.js";
import { clock, contentOf, readable, utterancesOf } from "./transcript.js";
import { at, clear, clearText, enter, present, redraw, retell, say, show, shown, state } from "./view.js";
import { otherLanguage, relabel, word } from "./words.js";

let recorder = null, live = null, trouble = "", enough = false; // while recording
let cancelling = null; // the AbortController of what is asked of the server

// --- a file ---

async function take(file) {
  if (state() === "recording" || state() === "transcribing" || state() === "finishing") return;
  clear();
  shown.name = file.name;
  enter("transcribing");
  present(file);
  await ask(file);
}

/** The end: what was found, to be played and downloaded. */
function finish(result) {
  shown.answer = result;
  enter("done");
  say(shown.syllables.length ? "done" : "nothing", { count: shown.syllables.flatMap(({ pinyin }) => pinyin.split(" ")).length, seconds: result.duration.toFixed(1) });
  redraw();
}

/** Have a recording transcribed, and show what comes. Whether it worked. */
async function ask(file) {
  cancelling = new AbortController();
  const { signal } = cancelling;
  say("transcribing", { name: shown.name });
  for (;;) {
    try {
      const result = await transcribe(file, shown.name, at("hotwords").value.trim(), at("speakers").value.trim(), signal);
      clearText();
      for (const each of utterancesOf(result)) show(each);
      at("spoken").textContent = result.text;
      finish(result);
      return true;
    } catch (error) {
      if (error.name === "AbortError") say("cancelled");
      else if (error instanceof ServerError && error.status === 429) {
        say("busy", { seconds: error.retry });
        await new Promise((resolve) => {
          setTimeout(resolve, 1000 * error.retry);
          signal.addEventListener("abort", resolve);
        });
        continue;
      } else if (error instanceof ServerError && error.status === 401) {
        if (await letIn()) continue;
        say("failed", { why: error.message }, true);
      } else if (error instanceof ServerError) say("failed", { why: error.message }, true);
      else if (error instanceof TypeError) say("unreachable", {}, true);
      else throw error;
      enter(shown.samples.length || shown.utterances.length ? "done" : "idle");
      return false;
    }
  }
}

// --- the microphone ---

async function start() {
  if (!navigator.mediaDevices?.getUserMedia) {
    say("insecure", {}, true);
    return;
  }
  clear();
  try {
    recorder = await record((block) => {
      shown.samples.push(block);
      live?.send(toInt16(block));
      at("clock").textContent = clock(shown.samples.seconds);
      redraw();
    });
  } catch (error) {
    say("denied", { why: error.message }, true);
    return;
  }
  shown.name = `recording-${new Date().toISOString().slice(0, 19).replace(/[T:]/g, "-")}.wav`;
  [trouble, enough] = ["", false];
  enter("recording");
  document.body.classList.add("pictured");
  say("listening");
  live = new Live(RATE, at("hotwords").value, (message) => {
    show({ ...message, syllables: readable(message.syllables) }, message.type === "final");
    if (message.type === "final") at("spoken").textContent = message.text;
  }, (why) => {
    live = null;
    trouble = enough ? "" : why;
    if (state() === "recording") say("no_live", { why });
    else if (state() === "finishing") conclude();
  });
  live.send(toInt16(shown.samples.all)); // what came before there was a socket
}

async function stop() {
  enter("finishing");
  say("finishing");
  await recorder.stop();
  recorder = null;
  if (live) live.stop();
  else conclude();
}

/** After the last of a live transcription; where it failed the whole recording is sent. */
async function conclude() {
  const file = wav(shown.samples.all);
  present(file);
  if (trouble) {
    enter("transcribing");
    await ask(file);
  } else {
    for (const each of [...shown.utterances]) show(each); // nothing of it changes any more
    const segments = shown.utterances.map(({ start, end, text }, id) => ({ id, start, end, text }));
    const text = shown.utterances.map((each) => each.text).join(""), { samples, syllables } = shown;
    finish({ task: "transcribe", language: "chinese", duration: samples.seconds, text, segments, syllables });
  }
}

// --- controls ---

at("record").onclick = () => (state() === "recording" ? stop() : start());
at("choose").onclick = () => at("file").click();
at("cancel").onclick = () => {
  cancelling?.abort();
  enough = true; // of what is recognised so far
  if (state() === "finishing") live?.close();
};
at("file").onchange = () => {
  if (at("file").files.length) take(at("file").files[0]);
  at("file").value = "";
};
for (const each of document.querySelectorAll("[data-format]")) {
  each.onclick = () => {
    const format = each.dataset.format, link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([contentOf(format, shown.utterances, shown.answer)], { type: "text/plain" }));
    link.download = `${shown.name.replace(/\.[^.]*$/, "")}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
}
let over = 0; // elements of the page that the dragged file is over
addEventListener("dragenter", () => document.body.classList.toggle("over", ++over > 0));
addEventListener("dragleave", () => document.body.classList.toggle("over", --over > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  over = 0;
  const [first, ...others] = event.dataTransfer.files;
  if (!first) return;
  const taken = take(first);
  if (others.length) say("one", { name: first.name, count: others.length });
  await taken;
});
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("beforeunload", (event) => { if (state() === "recording") event.preventDefault(); });

// --- language and key ---

function label() {
  relabel();
  at("language").textContent = word("other");
  at("language").lang = word("other") === "中文" ? "zh-Hans" : "en";
  retell();
}
at("language").onclick = () => {
  otherLanguage();
  label();
};

/** Ask for the key until the server takes it. Whether it did; the dialog can be left. */
async function letIn() {
  const dialog = at("ask");
  at("key_error").textContent = "";
  while (!(await isOpen())) {
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => { dialog.onclose = resolve; });
    if (!dialog.returnValue) return false;
    useKey(at("key").value);
    at("key_error").textContent = word("wrong_key");
  }
  return true;
}

label();
letIn().catch(() => say("unreachable", {}, true));
