// Hands what the microphone gives to the page, a tenth of a second at a time.
class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 10));
    this.filled = 0;
    this.ended = false;
    this.port.onmessage = () => { // the page has stopped: what is left, and then nothing more
      this.port.postMessage(this.block.slice(0, this.filled));
      this.port.postMessage(null);
      this.ended = true;
    };
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.block[this.filled++] = sample;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.filled = 0;
      }
    }
    return !this.ended;
  }
}
registerProcessor("capture", Capture);
