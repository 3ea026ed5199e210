// The messages of a chat that the server has not acknowledged, kept across reloads.

import type { Own } from "./fold";
import { type Entries, Shelf } from "./storage";

export class Outbox {
  private readonly shelf: Shelf<Own>;

  constructor(chat: string, entries: Entries) {
    this.shelf = new Shelf(`chat-outbox/${chat}/`, entries);
  }

  /** Return what is kept, in the order in which it was written. */
  load(): Own[] {
    return this.shelf.all().sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  /** Keep nothing more. */
  clear(): void {
    this.keep([], this.load());
  }

  /** Keep what waits now, given what was kept before. */
  keep(now: readonly Own[], before: readonly Own[]): void {
    for (const own of before) if (!now.some(({ id }) => id === own.id)) this.shelf.drop(own.id);
    for (const own of now) if (!before.includes(own)) this.shelf.put(own.id, own);
  }
}
