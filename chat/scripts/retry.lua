-- retry: drop the reply to the last human message and queue the session for a new one.
-- Returns {outcome, position in the queue, 1 if a task must be enqueued}.
local message_id = ARGV[1]
local request_id = ARGV[2]

local state = read_state()
if not state then return {'gone', 0, 0} end

local last = message_count() - 1
if last < 0 then return {'unknown', 0, 0} end
local reply = message_at(last)
local human = reply
if reply.reply_to then human = message_at(last - 1) end
if human.id ~= message_id then return {'unknown', 0, 0} end

-- A request that is repeated late must not drop the reply that it has led to.
local repeated = redis.call('HGET', STATE, 'retried') == request_id
if human == reply or reply.status == 'streaming' or repeated then
  return {'accepted', queue_position(human.id), needs_task(state, human.id)}
end

redis.call('JSON.ARRPOP', SESSION, '$.messages', -1)
redis.call('HSET', STATE, 'answered', state.answered - 1, 'retried', request_id)
persist()
redis.call('ZADD', UNSTARTED, digits(now()), unstarted_member(human.id))
mark_queued()
return {'accepted', queue_position(human.id), 1}
