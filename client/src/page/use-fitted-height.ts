import { type RefObject, useLayoutEffect } from "react";

/** Make a text field as high as its text. Its max-height in the stylesheet limits it. */
export function useFittedHeight(field: RefObject<HTMLTextAreaElement>, text: string): void {
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    const borders = element.offsetHeight - element.clientHeight;
    element.style.height = `${element.scrollHeight + borders}px`;
  }, [field, text]);
}
