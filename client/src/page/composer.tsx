import { type KeyboardEvent, type RefObject, useEffect, useLayoutEffect } from "react";

import { Warning } from "./warning";

interface Props {
  field: RefObject<HTMLTextAreaElement>;
  draft: string;
  setDraft: (text: string) => void;
  /** A reply comes or is waited for: Stop stands in place of Send, Enter still sends. */
  replying: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** Where one writes. */
export function Composer({ field, draft, setDraft, replying, onSend, onStop }: Props) {
  useEffect(() => field.current?.focus(), [field]);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    const borders = element.offsetHeight - element.clientHeight;
    element.style.height = `${element.scrollHeight + borders}px`; // up to the style's max-height
  }, [field, draft]);

  const send = () => {
    if (!draft.trim()) return;
    onSend(draft);
    setDraft("");
    field.current?.focus();
  };
  const stop = () => {
    onStop();
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <div className="composer">
      <div className="row">
        <label htmlFor="message" className="unseen">
          Message
        </label>
        <textarea
          id="message"
          ref={field}
          rows={1}
          dir="auto"
          value={draft}
          placeholder="Say something"
          enterKeyHint="send"
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {replying ? (
          <button onClick={stop}>Stop</button>
        ) : (
          <button className="main" disabled={!draft.trim()} onClick={send}>
            Send
          </button>
        )}
      </div>
      <Warning />
    </div>
  );
}
