// Sound: from the microphone or a file to samples at 16 kHz, and samples to a WAV file.
export const RATE = 16000;
const DECODED_SECONDS = 1200; // longer files are played, but not drawn: their samples would fill the memory

/** Samples that grow. */
export class Samples {
  constructor(samples = new Float32Array(0)) {
    this.buffer = samples;
    this.length = samples.length;
  }

  get seconds() { return this.length / RATE; }

  push(block) {
    if (this.length + block.length > this.buffer.length) {
      const larger = new Float32Array(2 * (this.length + block.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(block, this.length);
    this.length += block.length;
  }

  get all() { return this.buffer.subarray(0, this.length); }
}

export function toInt16(samples) {
  const integers = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) integers[i] = Math.max(-32768, Math.min(32767, Math.round(32768 * samples[i])));
  return integers;
}

/** A WAV file (a Blob) of samples at 16 kHz. */
export function wav(samples) {
  const header = new DataView(new ArrayBuffer(44)), bytes = 2 * samples.length;
  const name = (at, letters) => [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  name(0, "RIFF"); header.setUint32(4, 36 + bytes, true); name(8, "WAVEfmt "); header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); header.setUint16(22, 1, true); header.setUint32(24, RATE, true);
  header.setUint32(28, 2 * RATE, true); header.setUint16(32, 2, true); header.setUint16(34, 16, true);
  name(36, "data"); header.setUint32(40, bytes, true);
  return new Blob([header, toInt16(samples)], { type: "audio/wav" });
}

/** The samples of a file at 16 kHz, its channels mixed; null where the browser cannot decode it, or it is long. */
export async function decode(file, seconds) {
  if (!(seconds <= DECODED_SECONDS)) return null;
  try {
    const audio = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
    const mixed = new Float32Array(audio.length);
    for (let c = 0; c < audio.numberOfChannels; c++) {
      const channel = audio.getChannelData(c);
      for (let i = 0; i < mixed.length; i++) mixed[i] += channel[i] / audio.numberOfChannels;
    }
    return new Samples(mixed);
  } catch {
    return null;
  }
}

/** Record from the microphone until `stop()`, which resolves once all samples have been given to `onSamples`. */
export async function record(onSamples) {
  const media = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true },
  });
  let context = new AudioContext({ sampleRate: RATE }), source;
  try {
    source = context.createMediaStreamSource(media);
  } catch { // some browsers connect a microphone at its own rate only
    await context.close();
    context = new AudioContext();
    source = context.createMediaStreamSource(media);
  }
  await context.audioWorklet.addModule("page/capture-worklet.js");
  const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  const resampled = resampler(context.sampleRate);
  let ended;
  const end = new Promise((resolve) => { ended = resolve; });
  node.port.onmessage = ({ data }) => (data ? onSamples(resampled(data)) : ended());
  source.connect(node);
  await context.resume();
  return {
    async stop() {
      node.port.postMessage("stop");
      await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 3000))]); // a device that is gone gives nothing
      node.port.onmessage = null; // the end is where the others say that it is
      media.getTracks().forEach((track) => track.stop());
      await context.close();
    },
  };
}

/** From another rate to 16 kHz, each sample the mean over its time. */
function resampler(rate) {
  if (rate === RATE) return (block) => block;
  const step = rate / RATE;
  let held = 0, left = step; // the sum so far, and how many input samples are wanted still
  return (block) => {
    const out = [];
    for (const sample of block) {
      let rest = 1;
      while (rest >= left) {
        out.push((held + sample * left) / step);
        rest -= left;
        held = 0;
        left = step;
      }
      held += sample * rest;
      left -= rest;
    }
    return Float32Array.from(out);
  };
}
