// The highlighter's thread. Some texts keep its patterns busy for minutes, so the page must be able
// to end it.

import { highlight } from "./highlight";

postMessage("ready");

addEventListener("message", ({ data: [text, language] }: MessageEvent<[string, string]>) => {
  try {
    postMessage(highlight(text, language));
  } catch {
    postMessage(null); // nested deeper than it bears
  }
});
