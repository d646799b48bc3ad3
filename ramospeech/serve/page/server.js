// What is asked of the server: a transcription of a file, and text while one speaks.
let key = sessionStorage.getItem("key") ?? "";

export function useKey(given) {
  key = given;
  sessionStorage.setItem("key", given);
}

const headers = () => (key ? { Authorization: `Bearer ${key}` } : {});

/** Whether the server lets us in. */
export async function isOpen() {
  return (await fetch("metrics", { headers: headers() })).status !== 401;
}

/** An answer that is an error. */
export class ServerError extends Error {
  constructor(status, message, retry) {
    super(message);
    Object.assign(this, { status, retry });
  }
}

/** The `verbose_json` of a file. Throws ServerError. */
export async function transcribe(file, name, hotwords, speakers, signal) {
  const form = new FormData();
  form.append("file", file, name);
  form.append("response_format", "verbose_json");
  if (hotwords) form.append("prompt", hotwords);
  if (speakers) form.append("speakers", speakers);
  const answer = await fetch("v1/audio/transcriptions", { method: "POST", body: form, headers: headers(), signal });
  if (answer.ok) return answer.json();
  const message = await answer.json().then((body) => body.error.message, () => answer.statusText || `${answer.status}`);
  throw new ServerError(answer.status, message, Number(answer.headers.get("Retry-After") ?? 5));
}

/** Text while one speaks. `onMessage`: partial and final messages; `onEnd`: the reason, "" where all was transcribed. */
export class Live {
  constructor(rate, hotwords, onMessage, onEnd) {
    const url = new URL("v1/listen", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.waiting = []; // until the server is ready
    this.ready = this.stopped = false;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      const start = { type: "start", sample_rate: rate, hotwords: hotwords.split(/[\s,，、]+/).filter(Boolean) };
      this.socket.send(JSON.stringify(key ? { ...start, api_key: key } : start));
    };
    let ended = false, reason = ""; // an end that nobody asked for is a server that goes away
    this.socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "ready") {
        this.ready = true;
        this.waiting.splice(0).forEach((each) => this.socket.send(each));
      } else if (message.type === "error") reason = message.message;
      else if (message.type === "end") ended = true;
      else onMessage(message);
    };
    this.socket.onclose = (event) => onEnd(ended && this.stopped ? "" : reason || event.reason || `WebSocket ${event.code}`);
  }

  send(message) {
    if (this.ready) this.socket.send(message);
    else this.waiting.push(message);
  }

  stop() {
    this.stopped = true;
    this.send(JSON.stringify({ type: "stop" }));
  }

  close() { this.socket.close(); }
}
