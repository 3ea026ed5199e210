const PAUSE_FACTOR = 4; // the pause after a rendering, as a multiple of its duration

/** Decides when a growing text is rendered again: the slower the last rendering, the later. In ms. */
export class RenderThrottle {
  private nextRendering = 0;

  /** Return the delay from `now` until the next rendering. */
  delay(now: number): number {
    return Math.max(0, this.nextRendering - now);
  }

  onRendered(start: number, end: number): void {
    this.nextRendering = end + PAUSE_FACTOR * (end - start);
  }
}
