import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import { useFittedHeight } from "./use-fitted-height";

interface Props {
  text: string;
  /** Whether the server can be asked now. */
  canSend: boolean;
  onSend: (text: string) => void;
  onCancel: () => void;
}

/** The last message of the person while its text is edited. Enter sends it, Escape cancels. */
export function EditedMessage({ text, canSend, onSend, onCancel }: Props) {
  const [edited, setEdited] = useState(text);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.setSelectionRange(text.length, text.length);
  }, [text]);
  useFittedHeight(field, edited);
  const send = () => {
    if (!canSend || !edited.trim()) return;
    field.current?.focus(); // the button is disabled until the server has answered
    onSend(edited);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onCancel();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };
  return (
    <article className="human edited">
      <h2 className="visually-hidden">You, being edited</h2>
      <textarea
        ref={field}
        aria-label="Edit your message"
        rows={1}
        dir="auto"
        value={edited}
        enterKeyHint="send"
        onChange={(event) => setEdited(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <footer>
        <button disabled={!canSend || !edited.trim()} onClick={send}>
          Send again
        </button>
        <button onClick={onCancel}>Cancel</button>
      </footer>
    </article>
  );
}
