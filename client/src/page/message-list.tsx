import { useCallback, useEffect, useMemo, useState } from "react";

import { type Chat, continuable, replyOf, retryable, unanswered } from "../chat-state";
import type { ConnectionStatus } from "../connection";
import type { Reply } from "../frames";
import type { SessionClient } from "../session-client";
import { EditedMessage } from "./edited-message";
import { ErrorBoundary } from "./error-boundary";
import { PlainText } from "./markdown";
import { HumanMessageView, ReplyView } from "./message";
import { PendingReply } from "./pending-reply";
import { UnsentMessageView } from "./unsent-message";
import { useAutoScroll } from "./use-auto-scroll";

interface Props {
  chat: Chat;
  status: ConnectionStatus;
  name: string;
  client: SessionClient;
  /** Move an unsent message back into the input field. */
  onEdit: (id: string) => void;
}

/** The messages of a chat, the reply in progress, and the unsent messages. */
export function MessageList({ chat, status, name, client, onEdit }: Props) {
  const { list, content, isFollowing, scrollToEnd } = useAutoScroll(chat.unsent.length);
  const pending = useMemo(() => unanswered(chat), [chat]);
  const [oldest] = pending;
  const canChange = status === "connected" && !chat.pendingChange;
  const retried = canChange ? retryable(chat) : undefined;
  const continued = canChange ? continuable(chat) : undefined;
  const editable = retryable(chat)?.id;
  const [editedId, setEditedId] = useState<string>();
  /** Move the focus to the list, because the element that had it is removed. */
  const focusList = useCallback(() => list.current?.focus({ preventScroll: true }), [list]);
  // Once the new text is accepted, or another message is the last one, there is nothing to edit.
  useEffect(() => {
    if (!editedId || editedId === editable) return;
    setEditedId(undefined);
    if (document.activeElement === document.body) focusList();
  }, [editedId, editable, focusList]);
  const onRetry = () => {
    client.retry();
    focusList();
  };
  const onContinue = () => {
    client.continueReply();
    focusList();
  };
  const onCancelEdit = () => {
    setEditedId(undefined);
    focusList();
  };
  const onResend = (id: string) => {
    client.resend(id);
    focusList();
  };
  const onScrollToEnd = () => {
    scrollToEnd();
    focusList();
  };
  const last = chat.messages.at(-1);
  const askAgain = ({ reply_to }: Reply) => {
    const human = chat.messages.find(({ id }) => id === reply_to);
    if (human) client.sendMessage(human.msg);
  };

  return (
    <div className="message-list-frame">
      <div ref={list} className="message-list" role="log" aria-label="Conversation" tabIndex={0}>
        <div ref={content} className="column">
          {chat.session && !chat.messages.length && !chat.unsent.length && (
            <p className="greeting">Hello, <bdi>{name}</bdi>. What is on your mind?</p>
          )}
          {chat.messages.map((message) => (
            <ErrorBoundary key={message.id} resetKey={message} fallback={<PlainText text={message.msg} />}>
              {message.source === "human" && message.id === editedId && editedId === editable ? (
                <EditedMessage
                  text={message.msg}
                  canSend={message.id === retried?.id}
                  onSend={(text) => client.retry(text)}
                  onCancel={onCancelEdit}
                />
              ) : message.source === "human" ? (
                <HumanMessageView
                  message={message}
                  isQueued={message !== oldest && pending.includes(message)}
                  onEdit={message.id === retried?.id ? () => setEditedId(message.id) : undefined}
                >
                  {message === oldest && !replyOf(chat, message.id)?.msg && (
                    <PendingReply
                      messagesAhead={chat.positions[message.id] ?? 0}
                      waitReason={chat.waitReasons[message.id]}
                    />
                  )}
                </HumanMessageView>
              ) : (
                <>
                  <ReplyView
                    reply={message}
                    onRetry={retried && message.reply_to === retried.id ? onRetry : undefined}
                    onContinue={continued && message.reply_to === continued.id ? onContinue : undefined}
                    onAskAgain={
                      message.status === "failed" && message !== last ? () => askAgain(message) : undefined
                    }
                  />
                  {message.msg && message.reply_to === oldest?.id && chat.waitReasons[oldest.id] && (
                    <PendingReply messagesAhead={0} waitReason={chat.waitReasons[oldest.id]} />
                  )}
                </>
              )}
            </ErrorBoundary>
          ))}
          {chat.unsent.map((message) => (
            <UnsentMessageView
              key={message.id}
              message={message}
              offline={status !== "connected"}
              onResend={() => onResend(message.id)}
              onEdit={() => onEdit(message.id)}
            />
          ))}
        </div>
      </div>
      {!isFollowing && (
        <button className="to-end" onClick={onScrollToEnd}>
          To the end ↓
        </button>
      )}
    </div>
  );
}
