import { useEffect, useState } from "react";

const CONFIRMATION_DURATION = 2_000; // ms

/** A button that copies a text to the clipboard. */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_DURATION);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button aria-label={copied ? undefined : label} onClick={async () => setCopied(await copy(text))}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyWithCommand(text);
  }
}

/** The clipboard API is missing on pages that are served over plain HTTP. */
function copyWithCommand(text: string): boolean {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
