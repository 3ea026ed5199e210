import { type KeyboardEvent, type RefObject, useEffect } from "react";

import { Disclaimer } from "./disclaimer";
import { useFittedHeight } from "./use-fitted-height";

interface Props {
  field: RefObject<HTMLTextAreaElement>;
  draft: string;
  setDraft: (text: string) => void;
  /** A reply is pending: the Stop button replaces the Send button. Enter still sends. */
  canStop: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** The input field with its button. */
export function Composer({ field, draft, setDraft, canStop, onSend, onStop }: Props) {
  useEffect(() => field.current?.focus(), [field]);
  useFittedHeight(field, draft);

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
        <label htmlFor="message" className="visually-hidden">
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
        {canStop ? (
          <button onClick={stop}>Stop</button>
        ) : (
          <button className="primary" disabled={!draft.trim()} onClick={send}>
            Send
          </button>
        )}
      </div>
      <Disclaimer />
    </div>
  );
}
