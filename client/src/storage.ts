// The browser's storage. Each item has a key of its own, so that two tabs do not overwrite each
// other's lists.

/** The part of `localStorage` that the page uses. */
export type BrowserStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** JSON values of one type, under a common key prefix. If the browser forbids storage, it is empty. */
export class TypedStorage<T> {
  constructor(
    private readonly prefix: string,
    private readonly storage: BrowserStorage,
  ) {}

  get(name: string): T | null {
    try {
      return JSON.parse(this.storage.getItem(this.prefix + name) ?? "null");
    } catch {
      return null;
    }
  }

  set(name: string, value: T): void {
    try {
      this.storage.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      // The storage is full or forbidden. The value is lost when the page is closed.
    }
  }

  delete(name: string): void {
    try {
      this.storage.removeItem(this.prefix + name);
    } catch {
      // The storage is forbidden: there is nothing to delete.
    }
  }

  /** Return all values, in no particular order. */
  all(): T[] {
    const values: T[] = [];
    try {
      for (let i = 0; i < this.storage.length; i++) {
        const key = this.storage.key(i);
        const value = key?.startsWith(this.prefix) && this.get(key.slice(this.prefix.length));
        if (value) values.push(value);
      }
    } catch {
      // The storage is forbidden.
    }
    return values;
  }
}

/** Return `localStorage`, or a storage in memory if the browser forbids it. */
export function openStorage(): BrowserStorage {
  try {
    localStorage.getItem("");
    return localStorage;
  } catch {
    return new MemoryStorage();
  }
}

class MemoryStorage implements BrowserStorage {
  private readonly map = new Map<string, string>();
  get length(): number {
    return this.map.size;
  }
  key = (index: number): string | null => [...this.map.keys()][index] ?? null;
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
}
