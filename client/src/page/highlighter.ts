import type { Run } from "./highlight";

const WITHIN = 1_000; // ms that a block's colours may take

/** What is used of a `Worker`. */
export interface Thread {
  onmessage: ((event: MessageEvent<"ready" | Run[] | null>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: [text: string, language: string]): void;
  terminate(): void;
}

interface Job {
  text: string;
  language: string;
  done: (runs: Run[] | null) => void;
}

/** Colours code in a thread of its own, one block at a time, and gives up what takes too long. */
export class Highlighter {
  private readonly jobs: Job[] = [];
  private thread: Thread | null = null;
  private ready = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly open: () => Thread) {}

  /** Return the colours, or null if there are none to be had. */
  colour(text: string, language: string): Promise<Run[] | null> {
    return new Promise((done) => {
      this.jobs.push({ text, language, done });
      if (this.jobs.length === 1) this.next();
    });
  }

  private next(): void {
    const [job] = this.jobs;
    if (!job) return;
    if (!this.thread) this.start();
    if (!this.ready) return;
    this.timer = setTimeout(() => this.fail(), WITHIN);
    this.thread?.postMessage([job.text, job.language]);
  }

  private start(): void {
    try {
      this.thread = this.open();
    } catch {
      this.finish(null);
      return;
    }
    this.thread.onmessage = ({ data }) => {
      if (data !== "ready") return this.finish(data);
      this.ready = true;
      this.next();
    };
    this.thread.onerror = () => this.fail(); // offline, perhaps: code without colours is code
  }

  private fail(): void {
    this.thread?.terminate();
    this.thread = null;
    this.ready = false;
    this.finish(null);
  }

  private finish(runs: Run[] | null): void {
    clearTimeout(this.timer);
    this.jobs.shift()?.done(runs);
    this.next();
  }
}
