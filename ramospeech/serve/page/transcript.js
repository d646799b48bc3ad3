// A transcript as text on the page and as files. All text is set as text, never as HTML.
import { word } from "./words.js";

const TONES = "\u0304\u0301\u030c\u0300"; // combining marks
const MAX_TOKENS = 20, MAX_SECONDS = 7; // of a subtitle
export const DOUBTFUL = 0.5;

/** `lv4` as `lǜ`; several with spaces between them. */
export function toned(syllables) {
  return syllables.split(" ").map(marked).join(" ");
}

function marked(syllable) {
  const [, letters, tone] = /^(\D*)(\d?)$/.exec(syllable) ?? [null, syllable, ""];
  const written = letters.replace(/v/g, "ü");
  if (!(tone >= 1 && tone <= 4)) return written;
  const vowel = /[ae]/.exec(written) ?? /o(?=u)/.exec(written) ?? /[iouü](?=[^iouü]*$)/.exec(written);
  const end = (vowel?.index ?? 0) + 1; // of n2 and m4 the first letter
  return (written.slice(0, end) + TONES[tone - 1] + written.slice(end)).normalize("NFC");
}

/** Syllables with what people read as their hanzi; those of a number in digits are one. */
export function readable(syllables) {
  const found = [];
  for (const each of syllables) {
    const last = found.at(-1);
    if (last && each.display === "") {
      const confidence = [last.confidence, each.confidence].includes(null) ? null : Math.min(last.confidence, each.confidence);
      found[found.length - 1] = { ...last, pinyin: `${last.pinyin} ${each.pinyin}`, end: each.end, confidence };
    } else found.push({ ...each, hanzi: (each.display || each.hanzi).replace(/[，。、？！]+$/, "") });
  }
  return found;
}

/** Utterances {start, end, text, syllables} of a `verbose_json`: one for each segment. */
export function utterancesOf({ segments = [], syllables = [], text, duration }) {
  if (!segments.length) return syllables.length ? [{ start: syllables[0].start, end: duration, text, syllables: readable(syllables) }] : [];
  return segments.map((segment, i) => {
    const from = i ? segment.start : -Infinity, to = segments[i + 1]?.start ?? Infinity;
    return { ...segment, syllables: readable(syllables.filter((each) => from <= each.start && each.start < to)) };
  });
}

/** Pieces of an utterance: its syllables in order, and between them what only the text has (punctuation).
 * Where the text is not that of the syllables (numbers as digits), the text in front of them. */
export function pieces({ text, syllables }) {
  const found = [];
  let at = 0;
  for (const syllable of syllables) {
    const next = syllable.hanzi ? text.indexOf(syllable.hanzi, at) : -1;
    if (syllable.hanzi && (next < 0 || /[\p{L}\p{N}]/u.test(text.slice(at, next)))) {
      return [`${text}　`, ...syllables];
    }
    if (next > at) found.push(text.slice(at, next));
    if (next >= 0) at = next + syllable.hanzi.length;
    found.push(syllable);
  }
  const rest = text.slice(at);
  return syllables.some((each) => each.hanzi) && rest ? [...found, rest] : found;
}

/** A paragraph of an utterance. Each syllable is a button; `number`: of its first syllable in the transcript. */
export function paragraph(utterance, number, final = true) {
  const line = document.createElement("p"), time = document.createElement("time"), words = document.createElement("span");
  time.textContent = clock(utterance.start);
  words.className = "words";
  if (utterance.speaker) {
    const name = document.createElement("b");
    name.textContent = `${utterance.speaker} `;
    words.append(name);
  }
  let written = 0;
  for (const piece of pieces(utterance)) {
    if (typeof piece === "string") {
      words.append(piece);
      written += piece.length;
      continue;
    }
    const button = document.createElement("button"), ruby = document.createElement("ruby");
    button.className = "syllable";
    button.type = "button";
    button.tabIndex = -1;
    button.dataset.number = number++;
    ruby.append(piece.hanzi || toned(piece.pinyin));
    if (piece.hanzi && piece.pinyin) {
      const above = document.createElement("rt");
      above.textContent = toned(piece.pinyin);
      ruby.append(above);
    }
    button.append(ruby);
    button.setAttribute("aria-label", describe(piece).join(", "));
    written += piece.hanzi.length;
    button.classList.toggle("doubtful", piece.confidence !== null && piece.confidence < DOUBTFUL);
    button.classList.toggle("open", !final && written > (utterance.stable ?? 0)); // may change still
    words.append(button, ...(piece.hanzi ? [] : [" "]));
  }
  line.append(time, words);
  return line;
}

/** What is known of a syllable, in words. */
export function describe({ hanzi, pinyin, start, confidence }) {
  const percent = confidence === null ? [] : [word("confidence", { percent: Math.round(100 * confidence) })];
  return [hanzi, toned(pinyin), `${start.toFixed(2)} s`, ...percent].filter(Boolean);
}

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); // as WebVTT wants it

function stamp(seconds, point) {
  const whole = Math.round(1000 * seconds), two = (number) => String(number).padStart(2, "0");
  const time = [whole / 3600000, (whole / 60000) % 60, (whole / 1000) % 60].map((part) => two(Math.floor(part)));
  return `${time.join(":")}${point}${String(whole % 1000).padStart(3, "0")}`;
}

/** An utterance in parts that fit a subtitle, cut at the longest pauses. */
export function cues(utterance) {
  const { syllables, start, end } = utterance;
  if (syllables.length < 2 || (syllables.length <= MAX_TOKENS && end - start <= MAX_SECONDS)) return [utterance];
  const worth = (i) => syllables[i].start - syllables[i - 1].end - 0.1 * Math.abs(i / syllables.length - 0.5);
  let cut = 1;
  for (let i = 2; i < syllables.length; i++) if (worth(i) > worth(cut)) cut = i;
  let parts = pieces(utterance);
  if (!parts.slice(1).some((each) => typeof each === "string")) parts = syllables; // no marks, or another text in front
  const place = parts.indexOf(syllables[cut]);
  const part = (some, from, to) => ({
    speaker: utterance.speaker,
    start: from, end: to, syllables: some.filter((each) => typeof each !== "string"),
    text: some.map((each) => (typeof each === "string" ? each : each.hanzi || `${each.pinyin} `)).join("").trim(),
  });
  return [
    ...cues(part(parts.slice(0, place), start, syllables[cut - 1].end)),
    ...cues(part(parts.slice(place), syllables[cut].start, end)),
  ];
}

/** The transcript as the content of a file. */
export function contentOf(format, utterances, answer) {
  const subtitles = utterances.flatMap(cues).map((each) => ({ ...each, text: each.text.replace(/[，。、]+$/, "") }));
  const named = ({ speaker, text }) => (speaker ? `${speaker}: ${text}` : text);
  if (format === "txt") return utterances.map((each) => `${named(each)}\n`).join("");
  if (format === "json") return `${JSON.stringify(answer, null, 2)}\n`;
  const point = format === "srt" ? "," : ".";
  const blocks = subtitles.map(({ start, end, ...each }, i) => {
    const text = named(each);
    const times = `${stamp(start, point)} --> ${stamp(end, point)}\n`;
    return format === "srt" ? `${i + 1}\n${times}${text}\n\n` : `${times}${escaped(text)}\n\n`;
  });
  return (format === "srt" ? "" : "WEBVTT\n\n") + blocks.join("");
}
