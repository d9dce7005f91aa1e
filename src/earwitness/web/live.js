// The live page: sound of a microphone or tab goes to /ws, captions come back. What was sent and is not yet safe is kept,
// so that a connection that breaks is taken up again without a word lost.
const RATE = 16000;
const at = (id) => document.getElementById(id);
const segments = new Map(); // id → {li, segment}
const names = new Map();
let run = null;

class Run {
  constructor(stream, context, speakers) {
    Object.assign(this, { stream, context, speakers, session: null, after: 0, sent: 0, kept: [], ended: false, tries: 0 });
  }

  connect() {
    const key = sessionStorage.getItem("key");
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
    this.socket = new WebSocket(address, key ? ["earwitness", `earwitness-key.${key}`] : ["earwitness"]);
    this.socket.binaryType = "arraybuffer";
    this.ready = false;
    this.opened = false;
    this.socket.onopen = () => {
      this.opened = true;
      const hello = { type: "hello", encoding: "f32le", rate: RATE, speakers: this.speakers };
      if (this.session) Object.assign(hello, { session: this.session, after: this.after });
      this.socket.send(JSON.stringify(hello));
    };
    this.socket.onmessage = (message) => this.told(JSON.parse(message.data));
    this.socket.onclose = () => this.closed();
  }

  hear(samples) {
    const piece = { start: this.sent, samples };
    this.sent += samples.length;
    this.kept.push(piece);
    if (this.ready) this.socket.send(samples);
  }

  end() {
    this.ended = true;
    this.stream.getTracks().forEach((track) => track.stop());
    this.context.close();
    if (this.ready) this.socket.send('{"type": "end"}');
  }

  told(event) {
    if (event.seq) this.after = Math.max(this.after, event.seq);
    if (event.type === "welcome") {
      this.session = event.session;
      this.tries = 0;
      const from = Math.round(event.position * RATE);
      for (const { start, samples } of this.kept) {
        if (start + samples.length > from) this.socket.send(samples.subarray(Math.max(0, from - start)));
      }
      this.ready = true;
      if (this.ended) this.socket.send('{"type": "end"}');
      state(this.ended ? "Finishing …" : "Listening.");
    } else if (event.type === "ack") {
      const safe = Math.round(event.position * RATE);
      this.kept = this.kept.filter(({ start, samples }) => start + samples.length > safe);
    } else if (event.type === "ended") {
      this.over = true;
      state("Everything was told.");
    } else if (event.type === "failed" && event.fatal) {
      this.over = event.code !== "cancelled" && event.code !== "busy";
      this.why = `${event.message}. ${event.remedy}`;
      state(this.why, "bad");
    } else {
      show(event, this.sent / RATE);
    }
  }

  closed() {
    this.ready = false;
    if (this.over) return finish();
    if (!this.opened && !this.session) {
      // a browser does not tell a refused key from a server that is away
      at("keyed").hidden = false;
      state("The server did not let this page in.", "bad");
      this.ended || this.end();
      return finish();
    }
    if (++this.tries > 60) {
      state("The connection is lost.", "bad");
      return finish();
    }
    if (!this.why) state("The connection broke; going on …", "late");
    setTimeout(() => this.connect(), Math.min(5000, 250 * this.tries));
  }
}

function state(text, kind = "") {
  at("told").textContent = text;
  at("state").className = kind;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return [whole / 3600, (whole / 60) % 60, whole % 60].map((n) => String(Math.floor(n)).padStart(2, "0")).join(":");
}

function line(seconds, text, kind) {
  const li = document.createElement("li");
  const time = document.createElement("time");
  const words = document.createElement("span");
  time.textContent = clock(seconds);
  words.textContent = text;
  if (kind) words.className = kind;
  li.append(time, words);
  const bottom = window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
  at("said").append(li);
  if (bottom) window.scrollTo(0, document.body.scrollHeight);
  return li;
}

function write({ li, segment }) {
  const words = li.lastChild;
  words.replaceChildren();
  if (segment.speaker) {
    const who = document.createElement("span");
    who.className = "who";
    who.textContent = names.get(segment.speaker) ?? segment.speaker;
    words.append(who);
  }
  words.append(segment.text);
}

function show(event, heard) {
  if (event.type === "partial") {
    at("stable").textContent = event.stable;
    at("unsure").textContent = event.draft;
  } else if (event.type === "final" || event.type === "revised") {
    const known = segments.get(event.id) ?? { li: line(event.segment.start_s, "") };
    known.segment = event.segment;
    segments.set(event.id, known);
    write(known);
    const late = heard - event.segment.end_s;
    if (event.type === "final") state(late > 3 ? `Listening, ${late.toFixed(1)} s late.` : "Listening.", late > 3 ? "late" : "");
    at("save").disabled = false;
  } else if (event.type === "settled") {
    at("stable").textContent = at("unsure").textContent = "";
    for (const held of event.suppressed) line(held.start_s, `left out: ${held.reason.replaceAll("_", " ")}`, "note");
  } else if (event.type === "named") {
    names.set(event.speaker.id, event.speaker.name ?? event.speaker.id);
    segments.forEach(write);
  } else if (event.type === "gap") {
    line(event.start_s, `${(event.end_s - event.start_s).toFixed(1)} s were not heard: ${event.reason}`, "gap");
  } else if (event.type === "noted") {
    line(heard, event.notice.message, "note");
  } else if (event.type === "failed") {
    line(heard, `${event.message}. ${event.remedy}`, "bad");
  }
}

async function begin(button, open) {
  let stream;
  try {
    stream = await open();
  } catch (error) {
    return state(`The browser did not give its sound: ${error.message}`, "bad");
  }
  if (!stream.getAudioTracks().length) {
    stream.getTracks().forEach((track) => track.stop());
    return state("What was shared has no sound; choose a tab, and share its sound too.", "bad");
  }
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule("/live/worklet.js");
  const node = new AudioWorkletNode(context, "pieces", { numberOfOutputs: 0 });
  context.createMediaStreamSource(stream).connect(node);
  segments.clear();
  names.clear();
  at("said").replaceChildren();
  const mine = (run = new Run(stream, context, at("speakers").checked));
  node.port.onmessage = ({ data }) => {
    if (mine.ended) return;
    at("level").value = Math.min(1, 4 * Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length));
    mine.hear(data);
  };
  stream.getAudioTracks()[0].onended = () => mine.ended || stop();
  at("keyed").hidden = true;
  for (const id of ["mic", "tab", "speakers"]) at(id).disabled = true;
  button.classList.add("on");
  at("stop").disabled = false;
  state("Connecting …");
  mine.connect();
}

function stop() {
  at("stop").disabled = true;
  at("level").value = 0;
  state("Finishing …");
  run.end();
}

function finish() {
  run.ended || run.end();
  at("level").value = 0;
  at("stop").disabled = true;
  for (const id of ["mic", "tab"]) at(id).classList.remove("on");
  for (const id of ["mic", "tab", "speakers"]) at(id).disabled = false;
}

function save() {
  const lines = [...segments.values()].map(({ segment: s }) => {
    const who = s.speaker ? `${names.get(s.speaker) ?? s.speaker}: ` : "";
    return `[${clock(s.start_s)}] ${who}${s.text}`;
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/plain" }));
  link.download = "earwitness-live.txt";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: true };
at("mic").onclick = ({ target }) => begin(target, () => navigator.mediaDevices.getUserMedia({ audio: plain }));
at("tab").onclick = ({ target }) =>
  begin(target, () => navigator.mediaDevices.getDisplayMedia({ video: true, audio: { ...plain, suppressLocalAudioPlayback: false } }));
at("stop").onclick = stop;
at("save").onclick = save;
at("keyed").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", at("key").value);
  at("keyed").hidden = true;
  state("Choose what to listen to.");
};
if (!navigator.mediaDevices) state("Browsers give sound only to pages of this machine or with HTTPS.", "bad");
