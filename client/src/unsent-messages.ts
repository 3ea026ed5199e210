// The messages of a chat that the server has not acknowledged, stored across reloads.

import type { UnsentMessage } from "./chat-state";
import { type BrowserStorage, TypedStorage } from "./storage";

export class UnsentMessages {
  private readonly items: TypedStorage<UnsentMessage>;

  constructor(chatId: string, storage: BrowserStorage) {
    this.items = new TypedStorage(`chat-outbox/${chatId}/`, storage);
  }

  /** Return the stored messages, the oldest first. */
  load(): UnsentMessage[] {
    return this.items.all().sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
  }

  /** Delete all stored messages. */
  clear(): void {
    this.save([], this.load());
  }

  /** Store the changes from the messages `before` to the messages `now`. */
  save(now: readonly UnsentMessage[], before: readonly UnsentMessage[]): void {
    for (const old of before) if (!now.some(({ id }) => id === old.id)) this.items.delete(old.id);
    for (const unsent of now) if (!before.includes(unsent)) this.items.set(unsent.id, unsent);
  }
}
