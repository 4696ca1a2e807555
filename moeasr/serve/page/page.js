// Speech from the microphone or a file to the server, and text from the server to the page.

const FILE_PACKET_SEC = 0.5;
const MAX_BUFFERED_BYTES = 1 << 20;
const UNSURE = 0.5;
const element = (id) => document.getElementById(id);

let health = null;
let recording = null; // { socket, rate, startMs, sentSec, stop }

function say(text) {
  element("status").textContent = text;
}

async function open(isLive) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (health.needs_token && !token) {
    throw new Error("this server needs a token: add #token=TOKEN to the address of this page");
  }
  const url = new URL(location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  url.search = "";
  url.searchParams.set("sample_rate", health.sample_rate);
  if (token) url.searchParams.set("token", token);
  for (const line of element("phrases").value.split("\n")) {
    if (line.trim()) url.searchParams.append("phrase", line.trim());
  }
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const current = { socket, rate: health.sample_rate, isLive, startMs: null, sentSec: 0, stop: null };
  socket.onmessage = ({ data }) => {
    if (data === "Done!") {
      socket.close(1000);
    } else {
      show(JSON.parse(data), current);
    }
  };
  socket.onclose = ({ code, reason }) => {
    if (recording === current) end();
    showPartial("", "");
    const unexpected = code === 1009 ? "a message was too big" : "the connection was lost";
    say(code === 1000 ? "Done." : `Stopped: ${reason || unexpected}.`);
  };
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(current);
    socket.onerror = () => reject(new Error("the server refused the connection"));
  });
}

function send(current, samples) {
  if (current.socket.readyState !== WebSocket.OPEN) return;
  const seconds = samples.length / current.rate;
  current.startMs ??= performance.now() - 1000 * seconds;
  current.socket.send(samples);
  current.sentSec += seconds;
  element("duration").textContent = `${current.sentSec.toFixed(1)} s`;
  let power = 0;
  for (const sample of samples) power += sample * sample;
  element("level").value = 10 * Math.log10(power / samples.length + 1e-6);
}

function show(result, current) {
  if (current.isLive) {
    const delayMs = performance.now() - current.startMs - 1000 * result.end_time;
    element("latency").textContent = `${delayMs.toFixed(0)} ms after the audio`;
  }
  if (!result.is_final) {
    const { text, stable_text: stable } = result;
    showPartial(stable, text.slice(stable.length));
    return;
  }
  showPartial("", "");
  if (result.text) element("finals").append(paragraph(result));
}

function showPartial(stable, undecided) {
  element("stable").textContent = stable;
  element("undecided").textContent = undecided;
}

// Return the text with the start of each word above the word.
function paragraph({ text, words }) {
  const paragraph = document.createElement("p");
  let place = 0;
  for (const { word, start, end, confidence } of words) {
    const first = text.indexOf(word, place);
    paragraph.append(text.slice(place, first));
    place = first + word.length;
    const timed = document.createElement("ruby");
    const time = document.createElement("rt");
    time.textContent = start.toFixed(2);
    timed.append(word, time);
    timed.title = `${start.toFixed(2)} to ${end.toFixed(2)} s, confidence ${confidence.toFixed(2)}`;
    timed.classList.toggle("unsure", confidence < UNSURE);
    paragraph.append(timed);
  }
  paragraph.append(text.slice(place));
  paragraph.dataset.text = text;
  return paragraph;
}

async function startMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("browsers allow the microphone only on https or on this machine");
  }
  // these were made for telephony, and models are trained without them
  const audio = { echoCancellation: false, noiseSuppression: false };
  const media = await navigator.mediaDevices.getUserMedia({ audio });
  const context = new AudioContext();
  const stop = () => {
    media.getTracks().forEach((track) => track.stop());
    context.close();
  };
  try {
    await context.audioWorklet.addModule("page/capture.js");
    const current = await open(true);
    current.stop = stop;
    const capture = new AudioWorkletNode(context, "capture", {
      numberOfOutputs: 0,
      processorOptions: { rate: current.rate },
    });
    capture.port.onmessage = ({ data }) => recording === current && send(current, data);
    context.createMediaStreamSource(media).connect(capture);
    return current;
  } catch (error) {
    stop();
    throw error;
  }
}

async function sendFile(file) {
  const context = new OfflineAudioContext(1, 1, health.sample_rate);
  const audio = await context.decodeAudioData(await file.arrayBuffer()).catch(() => {
    throw new Error(`${file.name} is not audio that this browser can decode`);
  });
  const channels = Array.from({ length: audio.numberOfChannels }, (_, c) => audio.getChannelData(c));
  const mono = Float32Array.from(
    channels[0],
    (_, index) => channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length,
  );
  const current = await open(false);
  begin(current, `Sending ${file.name} ...`);
  const size = Math.round(FILE_PACKET_SEC * current.rate);
  for (let first = 0; first < mono.length && recording === current; first += size) {
    while (recording === current && current.socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    send(current, mono.slice(first, first + size));
  }
  if (recording === current) finish();
}

function begin(current, text) {
  if (current.socket.readyState !== WebSocket.OPEN) {
    current.stop?.(); // the server has refused the stream, and the page says why
    return;
  }
  recording = current;
  element("microphone").textContent = "Stop";
  element("microphone").disabled = false;
  say(text);
}

// End the audio; the remaining results follow.
function finish() {
  const { socket } = recording;
  end();
  say("Waiting for the last words ...");
  if (socket.readyState === WebSocket.OPEN) socket.send("Done");
}

// Release the microphone and the controls.
function end() {
  recording?.stop?.();
  recording = null;
  element("microphone").textContent = "Start microphone";
  for (const name of ["microphone", "file"]) element(name).disabled = false;
  element("level").value = -60;
}

// Do what a control asks for. Until a stream has begun, a second click must not begin another one.
async function guarded(work) {
  for (const name of ["microphone", "file"]) element(name).disabled = true;
  try {
    health ??= await (await fetch("health")).json();
    element("model").textContent = health.model;
    await work();
  } catch (error) {
    end();
    say(`Error: ${error.message}.`);
  } finally {
    if (!recording) end();
  }
}

element("microphone").onclick = () =>
  recording ? finish() : guarded(async () => begin(await startMicrophone(), "Listening ..."));
element("file").onchange = ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) guarded(() => sendFile(file));
};
element("clear").onclick = () => element("finals").replaceChildren();
guarded(() => {});
