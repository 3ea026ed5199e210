-- stop: end the reply to the oldest unanswered message, started or not, with its partial text.
-- The worker that generates it learns this when its next call answers 0.
-- Returns {1 if it was stopped, else 0; the id of the next message if a task must be enqueued for it,
-- else ''}.
local message_id = ARGV[1]
local new_reply_json = ARGV[2] -- without reply_to; used if no reply has started
local ttl = ARGV[3] -- seconds

local state = read_state()
if not state then return {0, ''} end

local human = message_at(2 * state.answered)
if human and human.id == message_id then
  if not state.reply then start_reply(state, human, cjson.decode(new_reply_json)) end
  end_reply(state, {status = 'stopped'}, ttl)
else -- unless the step is repeated, nothing is to be done
  if state.answered == 0 or message_at(2 * state.answered - 2).id ~= message_id then
    return {0, ''}
  end
  local reply = message_at(2 * state.answered - 1)
  local old_reply_is_back = reply.id ~= redis.call('HGET', STATE, 'ended')
  if reply.status ~= 'stopped' and not old_reply_is_back then return {0, ''} end
end
return {1, is_queued() == 1 and message_at(2 * state.answered).id or ''}
