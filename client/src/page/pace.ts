const REST = 4; // times as long as the last rendering, for everything else

/** When a text that grows is rendered again: the longer it took, the later. Times in ms. */
export class Pace {
  private due = 0;

  /** Return how long to wait from `now`. */
  wait(now: number): number {
    return Math.max(0, this.due - now);
  }

  rendered(began: number, ended: number): void {
    this.due = ended + REST * (ended - began);
  }
}
