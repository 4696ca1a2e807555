// The microphone's samples at the rate of the model, in packets, with their level.
// A sample between two others is a sum of its neighbours weighted by a windowed sinc, whose cutoff
// is the lower of the two Nyquist frequencies.

const ZERO_CROSSINGS = 16;
const STEPS = 512; // entries of the kernel's table per zero crossing
const PACKET_SEC = 0.1;

const KERNEL = Float32Array.from({ length: ZERO_CROSSINGS * STEPS + 1 }, (_, index) => {
  const x = index / STEPS;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  return sinc * Math.cos((Math.PI / 2) * (x / ZERO_CROSSINGS)) ** 2;
});

class Resampler {
  constructor(rate, newRate) {
    this.step = rate / newRate;
    this.cutoff = Math.min(1, newRate / rate);
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.samples = new Float32Array(this.reach); // silence before the first sample
    this.position = this.reach;
  }

  // Return the samples at the new rate that further samples complete.
  push(samples) {
    const joined = new Float32Array(this.samples.length + samples.length);
    joined.set(this.samples);
    joined.set(samples, this.samples.length);
    const found = [];
    for (; this.position + this.reach < joined.length; this.position += this.step) {
      found.push(this.valueAt(joined, this.position));
    }
    const used = Math.floor(this.position) - this.reach;
    this.samples = joined.slice(used);
    this.position -= used;
    return found;
  }

  valueAt(samples, position) {
    let total = 0;
    const last = Math.floor(position) + this.reach;
    for (let index = Math.ceil(position) - this.reach; index <= last; index++) {
      const place = Math.round(Math.abs(index - position) * this.cutoff * STEPS);
      total += samples[index] * (KERNEL[place] ?? 0);
    }
    return total * this.cutoff;
  }
}

class Capture extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.rate = options.processorOptions.rate;
    this.resampler = sampleRate === this.rate ? null : new Resampler(sampleRate, this.rate);
    this.packet = [];
  }

  process([channels]) {
    if (channels.length > 0) {
      const mono = Float32Array.from(
        channels[0],
        (_, index) => channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length,
      );
      this.packet.push(...(this.resampler ? this.resampler.push(mono) : mono));
      if (this.packet.length >= PACKET_SEC * this.rate) {
        const samples = Float32Array.from(this.packet);
        this.packet = [];
        this.port.postMessage(samples, [samples.buffer]);
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
