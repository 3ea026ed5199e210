import type { CodeSpan } from "./code-spans";

const TIMEOUT = 1_000; // ms for one block

/** The part of `Worker` that the highlighter uses. */
export interface HighlightWorker {
  onmessage: ((event: MessageEvent<"ready" | CodeSpan[] | null>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: [text: string, language: string]): void;
  terminate(): void;
}

interface Job {
  text: string;
  language: string;
  done: (spans: CodeSpan[] | null) => void;
}

/** Highlights code in a web worker, one block at a time. Terminates the worker after a timeout. */
export class Highlighter {
  private readonly jobs: Job[] = [];
  private worker: HighlightWorker | null = null;
  private isReady = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly createWorker: () => HighlightWorker) {}

  /** Return the code as spans, or null if it cannot be highlighted. */
  highlight(text: string, language: string): Promise<CodeSpan[] | null> {
    return new Promise((done) => {
      this.jobs.push({ text, language, done });
      if (this.jobs.length === 1) this.startNextJob();
    });
  }

  private startNextJob(): void {
    const [job] = this.jobs;
    if (!job) return;
    if (!this.worker) this.startWorker();
    if (!this.isReady) return;
    this.timer = setTimeout(() => this.fail(), TIMEOUT);
    this.worker?.postMessage([job.text, job.language]);
  }

  private startWorker(): void {
    try {
      this.worker = this.createWorker();
    } catch {
      this.finishJob(null);
      return;
    }
    this.worker.onmessage = ({ data }) => {
      if (data !== "ready") return this.finishJob(data);
      this.isReady = true;
      this.startNextJob();
    };
    this.worker.onerror = () => this.fail(); // its script may be unreachable while offline
  }

  private fail(): void {
    this.worker?.terminate();
    this.worker = null;
    this.isReady = false;
    this.finishJob(null);
  }

  private finishJob(spans: CodeSpan[] | null): void {
    clearTimeout(this.timer);
    this.jobs.shift()?.done(spans);
    this.startNextJob();
  }
}
