import { type RefObject, useState } from "react";

import { eraseSession, RequestError } from "../http-client";

interface Props {
  dialog: RefObject<HTMLDialogElement>;
  token: string;
  onErased: () => void;
}

/** Erases the chat in this browser and on the server, after a confirmation. */
export function EraseDialog({ dialog, token, onErased }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  const onConfirm = async () => {
    setBusy(true);
    try {
      await eraseSession(token);
      onErased();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      setProblem(error.message);
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby="erase" onClose={() => setProblem("")}>
      <h2 id="erase">Erase this chat?</h2>
      <p>All its messages are deleted, here and on the server.</p>
      <p role="alert">{problem}</p>
      <div className="row">
        <button onClick={() => dialog.current?.close()}>Keep it</button>
        <button className="danger" disabled={busy} onClick={() => void onConfirm()}>
          Erase it
        </button>
      </div>
    </dialog>
  );
}
