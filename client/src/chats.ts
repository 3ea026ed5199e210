// The chats of this browser. A chat's address contains a local id; its token is only in the storage.

import { Drafts } from "./drafts";
import { newId } from "./ids";
import { type BrowserStorage, TypedStorage } from "./storage";
import { UnsentMessages } from "./unsent-messages";

export interface ChatEntry {
  /** The id in the address. It is known to this browser only. */
  id: string;
  token: string;
  /** The person's name. */
  name: string;
  /** The time of the last message. */
  used: string;
  /** The first message, shortened. */
  title?: string;
  /** Whether the server has deleted the session. */
  ended?: boolean;
}

const KEY_PREFIX = "chat/";
const MAX_TITLE_LENGTH = 80; // characters
const ENDED_CHAT_EXPIRY = 24 * 3600 * 1000; // ms after the last message

export class Chats {
  private readonly items: TypedStorage<ChatEntry>;
  private readonly names: TypedStorage<string>;
  private readonly listeners = new Set<() => void>();
  private entries: readonly ChatEntry[];

  constructor(private readonly storage: BrowserStorage) {
    this.items = new TypedStorage(KEY_PREFIX, storage);
    this.names = new TypedStorage("chat-name", storage);
    this.entries = this.load();
    for (const { id, ended, used } of this.entries)
      if (ended && Date.now() - Date.parse(used) > ENDED_CHAT_EXPIRY) this.remove(id);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Return all chats, the most recently used first. */
  readonly all = (): readonly ChatEntry[] => this.entries;

  get(id: string): ChatEntry | undefined {
    return this.entries.find((entry) => entry.id === id);
  }

  /** The name under which the last chat was started, "" if there was none. */
  get lastName(): string {
    return this.names.get("") ?? "";
  }

  add(name: string, token: string): ChatEntry {
    const entry = { id: newId(), token, name, used: new Date().toISOString() };
    this.names.set("", name);
    this.save(entry);
    return entry;
  }

  /** Store the chat's title, from its first message, and the time of its last message. */
  update(id: string, firstMessage: string, lastTimestamp: string): void {
    const title = firstMessage.replace(/\s+/g, " ").slice(0, MAX_TITLE_LENGTH);
    const entry = this.get(id);
    if (entry && (entry.title !== title || entry.used < lastTimestamp))
      this.save({ ...entry, title, used: lastTimestamp });
  }

  markEnded(id: string): void {
    const entry = this.get(id);
    if (entry && !entry.ended) this.save({ ...entry, ended: true });
  }

  /** Remove a chat from this browser, with its draft and its unsent messages. */
  remove(id: string): void {
    this.items.delete(id);
    new UnsentMessages(id, this.storage).clear();
    new Drafts(this.storage).save(id, "");
    this.reload();
  }

  /** Apply a change that another tab made. */
  readonly onStorageEvent = ({ key, newValue }: Pick<StorageEvent, "key" | "newValue">): void => {
    // This tab may have written the chat again after the other tab removed it: remove it here too.
    if (key?.startsWith(KEY_PREFIX) && newValue === null) this.remove(key.slice(KEY_PREFIX.length));
    else this.reload();
  };

  /** Read the chats from the storage again, and notify the listeners. */
  reload(): void {
    this.entries = this.load();
    for (const listener of this.listeners) listener();
  }

  private save(entry: ChatEntry): void {
    this.items.set(entry.id, entry);
    this.reload();
  }

  private load(): readonly ChatEntry[] {
    return this.items.all().sort((a, b) => (a.used < b.used ? 1 : -1));
  }
}
