import { Boundary } from "./boundary";
import { Markdown, Plain } from "./markdown";
import { usePaced } from "./use-paced";

/** A reply's text, finished or growing. Whatever it is, it can be read. */
export function ReplyText({ text, streams }: { text: string; streams: boolean }) {
  const [shown, box] = usePaced(text, streams);
  return (
    <div ref={box} className="markdown" data-streams={streams}>
      <Boundary of={shown} fallback={<Plain text={shown} />}>
        <Markdown text={shown} />
      </Boundary>
    </div>
  );
}
