import { expect, it } from "vitest";

import { Chats } from "../src/chats";
import { Drafts } from "../src/drafts";
import { newId } from "../src/identity";
import { Outbox } from "../src/outbox";
import { Shelf } from "../src/storage";
import { memory } from "./memory";

const YESTERDAY = new Date(Date.now() - 25 * 3600 * 1000).toISOString();
const NOW = new Date().toISOString();

it("lists the chats of this browser, the one used last first, under ids that are not tokens", () => {
  const entries = memory();
  const chats = new Chats(entries);
  const first = chats.add("Ada", "token-1");
  const second = chats.add("Bob", "token-2");
  chats.note(first.id, "Hello\n  there", "2999-01-01T00:00:00+00:00");
  expect(chats.all().map(({ id }) => id)).toEqual([first.id, second.id]);
  expect(chats.get(first.id)).toMatchObject({ title: "Hello there", token: "token-1", name: "Ada" });
  expect(first.id).not.toContain("token");
  expect(chats.name).toBe("Bob");
  expect(new Chats(entries).all()).toEqual(chats.all());
});

it("remembers for a day that a chat has ended, then forgets it", () => {
  const entries = memory();
  const chats = new Chats(entries);
  const [old, fresh, open] = ["old", "fresh", "open"].map((name) => chats.add(name, name));
  const shelf = new Shelf("chat/", entries);
  shelf.put(old!.id, { ...old, used: YESTERDAY });
  shelf.put(open!.id, { ...open, used: YESTERDAY });
  chats.refresh();
  chats.end(old!.id);
  chats.end(fresh!.id);
  const later = new Chats(entries).all();
  expect(later.map(({ name, ended }) => [name, ended])).toEqual([
    ["fresh", true],
    ["open", undefined],
  ]);
});

it("drops an erased chat with what was not sent, and tells whoever looks", () => {
  const entries = memory();
  const chats = new Chats(entries);
  const { id } = chats.add("Ada", "t");
  new Outbox(id, entries).keep([{ id: "a", msg: "A", timestamp: NOW }], []);
  new Drafts(entries).keep(id, "Dear");
  let told = 0;
  chats.subscribe(() => told++);
  chats.drop(id);
  expect(told).toBe(1);
  expect(chats.get(id)).toBeUndefined();
  expect(new Outbox(id, entries).load()).toEqual([]);
  expect(new Drafts(entries).load(id)).toBe("");
});

it("leaves a chat erased that another tab erased, though its end was noted here since", () => {
  const entries = memory();
  const [here, there] = [new Chats(entries), new Chats(entries)];
  const { id } = here.add("Ada", "t");
  there.drop(id);
  here.end(id);
  here.heard({ key: `chat/${id}`, newValue: null });
  expect(here.all()).toEqual([]);
  expect(new Chats(entries).all()).toEqual([]);
});

it("hears of a chat that another tab began", () => {
  const entries = memory();
  const here = new Chats(entries);
  const { id } = new Chats(entries).add("Ada", "t");
  here.heard({ key: `chat/${id}`, newValue: "{}" });
  expect(here.get(id)).toMatchObject({ token: "t" });
});

it("keeps what two tabs wrote in the same chat", () => {
  const entries = memory();
  const [one, other] = [new Outbox("chat", entries), new Outbox("chat", entries)];
  const a = { id: "a", msg: "A", timestamp: NOW };
  const b = { id: "b", msg: "B", timestamp: YESTERDAY };
  one.keep([a], []);
  other.keep([b], []);
  expect(new Outbox("chat", entries).load()).toEqual([b, a]);
  expect(new Outbox("another", entries).load()).toEqual([]);
  one.keep([], [a]);
  expect(new Outbox("chat", entries).load()).toEqual([b]);
});

it("does without storage where the browser refuses it", () => {
  const refuse = () => {
    throw new Error("forbidden");
  };
  const shelf = new Shelf<number>("x/", { length: 1, key: refuse, getItem: refuse, setItem: refuse, removeItem: refuse });
  shelf.put("a", 1);
  shelf.drop("a");
  expect(shelf.get("a")).toBeNull();
  expect(shelf.all()).toEqual([]);
});

it("makes canonical random UUIDs", () => {
  const ids = Array.from({ length: 1000 }, newId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(ids.length);
});
