-- stop: end the reply to the oldest unanswered message, started or not, with its partial text.
-- The worker that generates it learns this when its next call answers 0.
-- Returns 1 if a task must be enqueued for the session's next message, else 0.
local message_id = ARGV[1]
local new_reply_json = ARGV[2] -- without reply_to; used if no reply has started
local ttl = ARGV[3] -- seconds

local state = read_state()
if not state then return 0 end

local human = message_at(2 * state.answered)
if human and human.id == message_id then
  if not state.reply then start_reply(state, human, cjson.decode(new_reply_json)) end
  end_reply(state, {status = 'stopped'}, ttl)
end
return is_queued()
