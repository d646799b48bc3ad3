// Waveform, spectrogram and confidence of each syllable, drawn for a span of time.
import { RATE } from "./audio.js";
import { toned } from "./transcript.js";

const SIZE = 512, HOP = RATE / 100, BANDS = 64, RANGE = 60; // of the spectrogram: samples, mel bands, dB
export const SPAN = 12; // seconds that are shown at most

const WINDOW = Float32Array.from({ length: SIZE }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));
const COS = Float32Array.from({ length: SIZE / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / SIZE));
const SIN = Float32Array.from({ length: SIZE / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / SIZE));
const REVERSED = Uint16Array.from({ length: SIZE }, (_, i) => {
  let reversed = 0;
  for (let bit = 1; bit < SIZE; bit *= 2) reversed = 2 * reversed + (i & bit ? 1 : 0);
  return reversed;
});
const CENTRES = Float32Array.from({ length: BANDS + 2 }, (_, i) => { // in bins, from 60 Hz to 8 kHz
  const mel = (hertz) => Math.log(1 + hertz / 700), low = mel(60), high = mel(RATE / 2);
  return ((700 * (Math.exp(low + ((high - low) * i) / (BANDS + 1)) - 1)) / RATE) * SIZE;
});

/** Power of SIZE samples from `first` on in mel bands, in dB. */
function bands(samples, first) {
  const re = new Float32Array(SIZE), im = new Float32Array(SIZE);
  for (let i = 0; i < SIZE; i++) re[REVERSED[i]] = WINDOW[i] * (samples[first + i] ?? 0);
  for (let half = 1; half < SIZE; half *= 2) {
    const step = SIZE / (2 * half);
    for (let i = 0; i < SIZE; i += 2 * half) {
      for (let k = 0; k < half; k++) {
        const a = i + k, b = a + half, c = COS[k * step], s = -SIN[k * step];
        const r = re[b] * c - im[b] * s, j = re[b] * s + im[b] * c;
        re[b] = re[a] - r; im[b] = im[a] - j; re[a] += r; im[a] += j;
      }
    }
  }
  return Float32Array.from({ length: BANDS }, (_, band) => {
    const from = CENTRES[band], middle = CENTRES[band + 1], to = CENTRES[band + 2];
    let sum = 1e-9, weights = 1e-9;
    for (let bin = Math.floor(from); bin <= Math.min(SIZE / 2, Math.ceil(to)); bin++) {
      const weight = Math.max(0.05, bin < middle ? (bin - from) / (middle - from) : (to - bin) / (to - middle));
      sum += weight * (re[bin] ** 2 + im[bin] ** 2);
      weights += weight;
    }
    return 10 * Math.log10(sum / weights);
  });
}

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  /** Forget the recording before. */
  clear() {
    this.columns = new Map();
    this.loudest = -25; // dB; of what was seen so far, so that colours hardly change while it runs
  }

  /** Seconds at a place of the canvas. */
  timeAt(x) { return this.start + (x / this.canvas.clientWidth) * this.span; }

  /** Draw `samples` (a Samples) from `start` on for `span` seconds; `cursor`: seconds, or null. */
  draw(samples, syllables, start, span, cursor) {
    Object.assign(this, { start, span });
    const { canvas } = this, ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d"), style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const x = (seconds) => ((seconds - start) / span) * width;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const strip = 46, wave = Math.round(0.26 * (height - strip));
    this.waveform(pen, samples.all, x, width, wave, colour("--tone"));
    this.spectrogram(pen, samples, x, wave, height - strip - wave, colour("--tone"));
    this.confidence(pen, syllables, x, width, height - strip, strip, colour);
    if (cursor !== null) {
      pen.fillStyle = colour("--accent");
      pen.fillRect(x(cursor) - 0.75, 0, 1.5, height);
    }
  }

  waveform(pen, all, x, width, height, colour) {
    const perPixel = (this.span * RATE) / width;
    pen.fillStyle = colour;
    for (let column = 0; column < width; column++) {
      const from = Math.floor(this.start * RATE + column * perPixel);
      let low = 0, high = 0;
      for (let i = Math.max(0, from); i < Math.min(all.length, from + perPixel); i++) {
        if (all[i] < low) low = all[i];
        if (all[i] > high) high = all[i];
      }
      if (from + perPixel > 0 && from < all.length) {
        const top = (1 - 0.92 * Math.sqrt(high)) * (height / 2); // the root, so that quiet speech is seen
        pen.fillRect(column, top, 1, Math.max(1, (1 + 0.92 * Math.sqrt(-low)) * (height / 2) - top));
      }
    }
  }

  spectrogram(pen, samples, x, top, height, colour) {
    const first = Math.max(0, Math.floor((this.start * RATE) / HOP));
    const last = Math.min(Math.floor((samples.length - SIZE) / HOP), Math.ceil(((this.start + this.span) * RATE) / HOP));
    if (last <= first) return;
    const image = new ImageData(last - first, BANDS), [red, green, blue] = channels(pen, colour);
    for (let column = first; column < last; column++) {
      let powers = this.columns.get(column);
      if (!powers) {
        powers = bands(samples.buffer, column * HOP);
        this.columns.set(column, powers);
        for (const power of powers) if (power > this.loudest) this.loudest = power;
      }
      for (let band = 0; band < BANDS; band++) {
        const at = 4 * ((BANDS - 1 - band) * image.width + column - first);
        image.data[at] = red; image.data[at + 1] = green; image.data[at + 2] = blue;
        image.data[at + 3] = 255 * Math.max(0, 1 + (powers[band] - this.loudest) / RANGE) ** 1.3;
      }
    }
    const sheet = new OffscreenCanvas(image.width, BANDS);
    sheet.getContext("2d").putImageData(image, 0, 0);
    const shift = SIZE / 2 / RATE - 0.005; // a column belongs to the middle of its samples
    const left = x((first * HOP) / RATE + shift);
    pen.drawImage(sheet, left, top, x((last * HOP) / RATE + shift) - left, height);
  }

  confidence(pen, syllables, x, width, top, height, colour) {
    pen.fillStyle = colour("--line");
    pen.fillRect(0, top, width, 1);
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    let free = -Infinity; // left of which a label would cover another
    for (const { pinyin, hanzi, start, end, confidence } of syllables) {
      if (end < this.start || start > this.start + this.span) continue;
      const left = x(start), wide = Math.max(2, x(end) - left - 1), share = confidence ?? 0;
      pen.fillStyle = colour(share < 0.5 ? "--accent" : "--tone");
      pen.globalAlpha = 0.25;
      pen.fillRect(left, top + 4, wide, 20);
      pen.globalAlpha = 1;
      pen.fillRect(left, top + 4 + 20 * (1 - share), wide, 20 * share);
      const label = toned(pinyin) || hanzi;
      const half = pen.measureText(label).width / 2, middle = left + wide / 2;
      if (middle - half > free) {
        pen.fillStyle = colour("--faint");
        pen.fillText(label, middle, top + height - 8);
        free = middle + half + 3;
      }
    }
  }
}

/** Red, green and blue of a colour of the style sheet. */
function channels(pen, colour) {
  pen.fillStyle = colour; // which makes #rrggbb of it
  return [1, 3, 5].map((at) => parseInt(pen.fillStyle.slice(at, at + 2), 16));
}
