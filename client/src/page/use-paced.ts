import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

import { Pace } from "./pace";

/**
 * Return as much of a text as is worth rendering now, and where to put the element that shows it.
 * While the text grows, most of the time stays free for the reader; what is finished is whole.
 */
export function usePaced(text: string, grows: boolean): [string, RefObject<HTMLDivElement>] {
  const [shown, setShown] = useState(text);
  const [pace] = useState(() => new Pace());
  const box = useRef<HTMLDivElement>(null);
  const newest = useRef(text);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const began = performance.now();
  const now = grows ? shown : text;
  newest.current = text;

  useLayoutEffect(() => {
    void box.current?.offsetHeight; // its layout is part of what it costs
    pace.rendered(began, performance.now());
    // `began` belongs to the rendering that this text came with
  }, [now]);

  useEffect(() => {
    // A timer that runs is left alone: deltas may come faster than any timer fires.
    if (!grows || shown === text || timer.current) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      setShown(newest.current);
    }, pace.wait(performance.now()));
  });

  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );

  return [now, box];
}
