import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, it } from "vitest";

import { begin, erase, Refused, standing } from "../src/sessions";

let server: Server;
let asked: { line: string; authorization?: string; body: string }[];
let answer: { status: number; body?: object; headers?: Record<string, string> };
const fetched = globalThis.fetch;

beforeEach(async () => {
  asked = [];
  server = createServer(async (request: IncomingMessage, response) => {
    let body = "";
    for await (const part of request) body += part;
    asked.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body });
    response.writeHead(answer.status, answer.headers).end(answer.body && JSON.stringify(answer.body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // In a browser, paths are the page's own host's.
  globalThis.fetch = (path, init) => fetched(origin + String(path), init);
});

afterEach(() => {
  globalThis.fetch = fetched;
  server.close();
  server.closeAllConnections();
});

it("begins a session under a name", async () => {
  answer = { status: 200, body: { token: "t", name: "Ada", messages: [] } };
  expect(await begin("Ada")).toBe("t");
  expect(asked).toMatchObject([{ line: "POST /token", body: '{"name":"Ada"}' }]);
});

it("sends the token in a header and in no address", async () => {
  answer = { status: 204 };
  await erase("t");
  await standing("t");
  expect(asked.map(({ line }) => line)).toEqual(["DELETE /token", "POST /refresh_token"]);
  for (const { authorization } of asked) expect(authorization).toBe("Bearer t");
});

it("tells a session that is gone, a socket that is refused, and a server that is out of reach", async () => {
  for (const [status, stands] of [
    [400, "gone"],
    [200, "refused"],
    [404, "refused"],
    [429, "busy"],
    [500, "busy"],
    [502, "busy"],
    [503, "busy"],
  ] as const) {
    answer = { status };
    expect(await standing("t"), String(status)).toBe(stands);
  }
  server.close();
  server.closeAllConnections();
  expect(await standing("t")).toBe("absent");
});

it("erases what is gone already, and says when it could not", async () => {
  answer = { status: 400 };
  await erase("t");
  answer = { status: 503 };
  await expect(erase("t")).rejects.toBeInstanceOf(Refused);
});

it("says why a session could not begin", async () => {
  for (const [status, headers, words] of [
    [400, {}, "Enter a name"],
    [429, { "Retry-After": "30" }, "in 30 seconds"],
    [429, {}, "in a moment"],
    [503, {}, "out of reach"],
  ] as const) {
    answer = { status, headers };
    await expect(begin("x")).rejects.toThrow(words);
  }
  server.close();
  server.closeAllConnections();
  await expect(begin("x")).rejects.toThrow("cannot be reached");
});
