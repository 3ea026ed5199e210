import { ErrorBoundary } from "./error-boundary";
import { Markdown, PlainText } from "./markdown";
import { useThrottledText } from "./use-throttled-text";

/** The text of a reply as Markdown, or as plain text if the Markdown cannot be rendered. */
export function ReplyText({ text, isStreaming }: { text: string; isStreaming: boolean }) {
  const [rendered, element] = useThrottledText(text, isStreaming);
  return (
    <div ref={element} className="markdown" data-streaming={isStreaming}>
      <ErrorBoundary resetKey={rendered} fallback={<PlainText text={rendered} />}>
        <Markdown text={rendered} />
      </ErrorBoundary>
    </div>
  );
}
