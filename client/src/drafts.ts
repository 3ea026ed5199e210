// The text in each chat's input field, stored across reloads.

import { type BrowserStorage, TypedStorage } from "./storage";

export class Drafts {
  private readonly items: TypedStorage<string>;

  constructor(storage: BrowserStorage) {
    this.items = new TypedStorage("chat-draft/", storage);
  }

  load(chatId: string): string {
    return this.items.get(chatId) ?? "";
  }

  save(chatId: string, text: string): void {
    if (text) this.items.set(chatId, text);
    else this.items.delete(chatId);
  }
}
