// The web worker of the highlighter. Its regular expressions can take minutes on some texts, and only
// a worker can be terminated.

import { highlightCode } from "./code-spans";

postMessage("ready");

addEventListener("message", ({ data: [text, language] }: MessageEvent<[string, string]>) => {
  try {
    postMessage(highlightCode(text, language));
  } catch {
    postMessage(null); // the code is nested too deeply for the highlighter
  }
});
