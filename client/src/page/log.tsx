import { useMemo } from "react";

import type { Connection, Link } from "../connection";
import { type Chat, replyOf, retryable, unanswered } from "../fold";
import type { Bot } from "../wire";
import { Boundary } from "./boundary";
import { Plain } from "./markdown";
import { OwnTurn } from "./own-turn";
import { HumanTurn, ReplyTurn } from "./turn";
import { Typing } from "./typing";
import { useFollow } from "./use-follow";

interface Props {
  chat: Chat;
  link: Link;
  name: string;
  connection: Connection;
  /** Take a message that was not sent back into the field. */
  onEdit: (id: string) => void;
}

/** All that was said, what is being said, and what waits to be sent. */
export function Log({ chat, link, name, connection, onEdit }: Props) {
  const { log, content, follows, follow } = useFollow(chat.own.length);
  const waiting = useMemo(() => unanswered(chat), [chat]);
  const [next] = waiting;
  const again = link === "live" && !chat.retrying ? retryable(chat) : undefined;
  /** The button that was pressed leaves; the focus stays near. */
  const stay = () => log.current?.focus({ preventScroll: true });
  const retry = () => {
    connection.retry();
    stay();
  };
  const sayAgain = (id: string) => {
    connection.sayAgain(id);
    stay();
  };
  const toEnd = () => {
    follow();
    stay();
  };
  const last = chat.messages.at(-1);
  const askAgain = ({ reply_to }: Bot) => {
    const asked = chat.messages.find(({ id }) => id === reply_to);
    if (asked) connection.say(asked.msg);
  };

  return (
    <div className="log-frame">
      <div ref={log} className="log" role="log" aria-label="Conversation" tabIndex={0}>
        <div ref={content} className="column">
          {chat.session && !chat.messages.length && !chat.own.length && (
            <p className="greeting">Hello, <bdi>{name}</bdi>. What is on your mind?</p>
          )}
          {chat.messages.map((message) => (
            <Boundary key={message.id} of={message} fallback={<Plain text={message.msg} />}>
              {message.source === "human" ? (
                <HumanTurn human={message} waits={message !== next && waiting.includes(message)}>
                  {message === next && !replyOf(chat, message.id)?.msg && (
                    <Typing place={chat.places[message.id] ?? 0} held={chat.held[message.id]} />
                  )}
                </HumanTurn>
              ) : (
                <>
                  <ReplyTurn
                    reply={message}
                    onRetry={again && message.reply_to === again.id ? retry : undefined}
                    onAskAgain={
                      message.status === "failed" && message !== last ? () => askAgain(message) : undefined
                    }
                  />
                  {message.msg && message.reply_to === next?.id && chat.held[next.id] && (
                    <Typing place={0} held={chat.held[next.id]} />
                  )}
                </>
              )}
            </Boundary>
          ))}
          {chat.own.map((own) => (
            <OwnTurn
              key={own.id}
              own={own}
              offline={link !== "live"}
              onAgain={() => sayAgain(own.id)}
              onEdit={() => onEdit(own.id)}
            />
          ))}
        </div>
      </div>
      {!follows && (
        <button className="to-end" onClick={toEnd}>
          To the end ↓
        </button>
      )}
    </div>
  );
}
